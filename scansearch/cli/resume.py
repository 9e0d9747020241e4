"""``scansearch resume``: continue an interrupted run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scansearch.cli.console import guarded, out


@guarded
def command(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    devices: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that share every batch, each with a device.", show_default="as it began"),
    ] = None,
) -> None:
    """Continue an interrupted run, a search or a training, bit for bit.

    The run goes on from its newest undamaged checkpoint and ends with the same tables and the same genotype or weights as if
    it had never stopped (on the same machine with the same number of threads and processes).
    """
    from scansearch.cli.interrupted import resumable
    from scansearch.cli.launching import launch_command
    from scansearch.machine.launched import launched
    from scansearch.runs.run import Run

    opened = Run.open(run)
    machine = opened.config.machine.model_copy(update={"devices": devices} if devices else {})
    with resumable(run):
        if machine.devices > 1 and not launched():
            launch_command(machine, run, opened.config.train.batch_size)
            return
        if opened.kind == "train":
            _train_on(run, devices)
        else:
            _search_on(run, devices)


def _search_on(run: Path, devices: int | None) -> None:
    from scansearch.cli.run_summary import finish
    from scansearch.display.progress import display
    from scansearch.machine.launched import is_first
    from scansearch.searching.assemble import resume

    with display(out) as listener:
        genotype = resume(run, listener, devices)
    if is_first():
        finish(run, genotype, listener)


def _train_on(run: Path, devices: int | None) -> None:
    from scansearch.cli.train import finish_training
    from scansearch.display.progress import display
    from scansearch.machine.launched import is_first
    from scansearch.retraining.train_run import resume_training

    with display(out) as listener:
        resume_training(run, listener, devices)
    if is_first():
        finish_training(run, listener)
