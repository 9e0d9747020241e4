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
    """Continue an interrupted run, bit for bit.

    The run goes on from its newest undamaged checkpoint and ends with the same metrics.csv and the same genotype as if it
    had never stopped (on the same machine with the same number of threads and processes).
    """
    from scansearch.cli.interrupted import resumable
    from scansearch.cli.launching import launch_command
    from scansearch.cli.run_summary import finish
    from scansearch.display.progress import display
    from scansearch.machine.launched import is_first, launched
    from scansearch.runs.run import Run
    from scansearch.searching.assemble import resume

    opened = Run.open(run)
    machine = opened.config.machine.model_copy(update={"devices": devices} if devices else {})
    with resumable(run):
        if machine.devices > 1 and not launched():
            launch_command(machine, run, opened.config.train.batch_size)
            return
        with display(out) as listener:
            genotype = resume(run, listener, devices)
        if is_first():
            finish(run, genotype, listener)
