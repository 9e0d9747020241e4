"""``scansearch run``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scansearch.cli import run_options
from scansearch.cli.console import guarded, out
from scansearch.errors import ScansearchError

if TYPE_CHECKING:
    from scansearch.runs.config import RunConfig


@guarded
def command(
    space: run_options.Space = None,
    strategy: run_options.Strategy = None,
    model: run_options.Model = None,
    data: run_options.Data = None,
    data_root: run_options.DataRoot = None,
    epochs: run_options.Epochs = None,
    batch_size: run_options.BatchSize = None,
    devices: run_options.Devices = None,
    seed: run_options.Seed = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="The run folder.", show_default="runs/SPACE-STRATEGY-DATA")
    ] = None,
    config: run_options.Config = None,
    preset: run_options.Preset = None,
    settings: run_options.Assignments = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show all settings and how much it would be; write nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="With --dry-run: JSON for other programs.")] = False,
) -> None:
    """Search scan orders: the main job.

    Trains a supernet in which every layer holds all directions of the space, finds the ones each layer should keep, and
    writes the genotype, the figures and the files for LocalMamba's code into the run folder. Ctrl-C is safe:
    `scansearch resume` goes on where it stopped. Flags win over --config, --config over --preset. With the config.toml of a
    run, that run is repeated but for what flags say otherwise.

    Examples:
      scansearch run --space default8 --strategy darts
      scansearch run --data fashion-mnist --epochs 10 --set limit=12000
      scansearch run --data imagefolder --data-root photos --set image_size=64
      scansearch run --config runs/first/config.toml --seed 1
    """
    from scansearch.runs.folder import new_folder

    if json and not dry_run:
        raise ScansearchError("--json shows a search that is not done; add --dry-run")
    made = run_options.made_config(
        space=space, strategy=strategy, model=model, data=data, data_root=data_root, seed=seed,
        epochs=epochs, batch_size=batch_size, devices=devices, config=config, preset=preset, settings=settings,
    )  # fmt: skip
    folder = out_folder or new_folder(Path("runs"), f"{made.space['name']}-{made.strategy.name}-{made.data.name}")
    if dry_run:
        from scansearch.cli.show_estimate import show_dry_run

        show_dry_run(made, folder, json=json)
    else:
        _search(made, folder, [] if out_folder else ["--out", str(folder)])


def _search(made: RunConfig, folder: Path, named: list[str]) -> None:
    """Searches, here or in several processes, which are told by ``named`` where it goes."""
    from scansearch.cli.interrupted import resumable
    from scansearch.cli.launching import launch_command
    from scansearch.cli.run_summary import finish
    from scansearch.display.progress import display
    from scansearch.machine.launched import is_first, launched
    from scansearch.searching.assemble import start

    with resumable(folder):
        if made.machine.devices > 1 and not launched():
            launch_command(made.machine, folder, made.train.batch_size, *named)
            return
        with display(out) as listener:
            genotype = start(made, folder, listener)
        if is_first():
            finish(folder, genotype, listener)
