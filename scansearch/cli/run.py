"""``scansearch run``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scansearch.cli.console import guarded, out
from scansearch.errors import ScansearchError

if TYPE_CHECKING:
    from scansearch.runs.config import RunConfig

DEFAULTS: dict[str, Any] = {
    "space": "default8",
    "strategy": "darts",
    "model": "local_vim_micro",
    "data": "digits",
    "data_root": "",
    "seed": 0,
}


@guarded
def command(
    space: Annotated[
        str | None,
        typer.Option(
            help="Search space: a name (`scansearch spaces`) or a JSON or TOML file.", show_default=DEFAULTS["space"]
        ),
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Search strategy (`scansearch strategies`).", show_default=DEFAULTS["strategy"])
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model to search (`scansearch models`).", show_default=DEFAULTS["model"])
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Data set (`scansearch datasets`).", show_default=DEFAULTS["data"])
    ] = None,
    data_root: Annotated[str | None, typer.Option(help="Folder (or file) of the data; digits needs none.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training data.", show_default="12")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images in a step.", show_default="64")] = None,
    devices: Annotated[
        int | None, typer.Option(min=1, help="Processes that share every batch, each with a device.", show_default="1")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of everything random.", show_default=str(DEFAULTS["seed"]))
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="The run folder.", show_default="runs/SPACE-STRATEGY-DATA")
    ] = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="TOML file with sections machine, data, train, augment, model, space, strategy, or a run's config.toml; "
            "repeatable.",
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
    names = {"space": space, "strategy": strategy, "model": model, "data": data, "data_root": data_root, "seed": seed}
    flags = {"train": {"epochs": epochs, "batch_size": batch_size}, "machine": {"devices": devices}}
    made = _made(
        config or [], _given(names), {section: _given(values) for section, values in flags.items()}, preset, settings
    )
    folder = out_folder or new_folder(Path("runs"), f"{made.space['name']}-{made.strategy.name}-{made.data.name}")
    if dry_run:
        from scansearch.cli.show_dry_run import show_dry_run

        show_dry_run(made, folder, json=json)
    else:
        _search(made, folder, [] if out_folder else ["--out", str(folder)])


def _given(flags: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}


def _made(
    files: list[Path],
    names: dict[str, Any],
    flags: dict[str, dict[str, Any]],
    preset: str | None,
    assignments: list[str] | None,
) -> RunConfig:
    """The settings that files and flags make together."""
    from scansearch.searching.config_file import read_config_files
    from scansearch.searching.configure import make_config
    from scansearch.space import find_space

    chosen = read_config_files(files, DEFAULTS, names)
    space = find_space(chosen.names.pop("space"))
    layers = [*chosen.layers, ("", flags)]
    return make_config(space=space, **chosen.names, preset=preset, layers=layers, assignments=assignments)


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
