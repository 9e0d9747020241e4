"""``scansearch run``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scansearch.cli.console import guarded, out


@guarded
def command(
    space: Annotated[
        str, typer.Option(help="Search space: a name (`scansearch spaces`) or a JSON or TOML file.")
    ] = "default8",
    strategy: Annotated[str, typer.Option(help="Search strategy (`scansearch strategies`).")] = "darts",
    model: Annotated[str, typer.Option(help="Model to search (`scansearch models`).")] = "local_vim_micro",
    data: Annotated[str, typer.Option(help="Data set (`scansearch datasets`).")] = "digits",
    data_root: Annotated[str, typer.Option(help="Folder (or file) of the data; digits needs none.")] = "",
    epochs: Annotated[int | None, typer.Option(help="Passes over the training data.", show_default="12")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images in a step.", show_default="64")] = None,
    devices: Annotated[
        int | None, typer.Option(min=1, help="Processes that share every batch, each with a device.", show_default="1")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="The run folder.", show_default="runs/SPACE-STRATEGY-DATA")
    ] = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="TOML file with sections machine, data, train, augment, model, space, strategy; repeatable.",
        ),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="A recipe of the strategy, such as darts' `paper`.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any setting (`scansearch strategies NAME`), such as lr=0.01; repeatable.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show all settings and how much it would be; write nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="With --dry-run: JSON for other programs.")] = False,
) -> None:
    """Search scan orders: the main job.

    Trains a supernet in which every layer holds all directions of the space, finds the ones each layer should keep, and
    writes the genotype, the figures and the files for LocalMamba's code into the run folder. Ctrl-C is safe:
    `scansearch resume` goes on where it stopped. Flags win over --config, --config over --preset.

    Examples:
      scansearch run --space default8 --strategy darts
      scansearch run --data fashion-mnist --epochs 10 --set limit=12000
      scansearch run --data imagefolder --data-root photos --set image_size=64
    """
    from scansearch.cli.interrupted import resumable
    from scansearch.cli.launching import launch_command
    from scansearch.cli.run_summary import finish
    from scansearch.cli.show_dry_run import show_dry_run
    from scansearch.display.progress import display
    from scansearch.documents import read_toml
    from scansearch.errors import ScansearchError
    from scansearch.machine.launched import is_first, launched
    from scansearch.runs.folder import new_folder
    from scansearch.searching.assemble import start
    from scansearch.searching.configure import make_config
    from scansearch.space import find_space

    if json and not dry_run:
        raise ScansearchError("--json shows a search that is not done; add --dry-run")
    flags = {"epochs": epochs, "batch_size": batch_size}
    layers = [(str(path), read_toml(path)) for path in config or []]
    layers.append(("flags", {"train": {key: value for key, value in flags.items() if value is not None}}))
    layers.append(("flags", {"machine": {"devices": devices}} if devices else {}))
    made = make_config(
        space=find_space(space),
        strategy=strategy,
        model=model,
        data=data,
        data_root=data_root,
        seed=seed,
        preset=preset,
        layers=layers,
        assignments=settings,
    )
    if dry_run:
        show_dry_run(made, json=json)
        return
    folder = out_folder or new_folder(Path("runs"), f"{made.space['name']}-{strategy}-{data}")
    with resumable(folder):
        if made.machine.devices > 1 and not launched():
            named = [] if out_folder else ["--out", str(folder)]
            launch_command(made.machine, folder, made.train.batch_size, *named)
            return
        with display(out) as listener:
            genotype = start(made, folder, listener)
        if is_first():
            finish(folder, genotype, listener)
