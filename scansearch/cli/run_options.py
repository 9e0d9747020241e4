"""Options that ``run`` and ``estimate`` share: what a search is told, and the settings that come of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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

Space = Annotated[
    str | None,
    typer.Option(
        help="Search space: a name (`scansearch spaces`) or a JSON or TOML file.", show_default=DEFAULTS["space"]
    ),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        help="Search strategy (`scansearch strategies`). darts found most for its time, then surrogate.",
        show_default=DEFAULTS["strategy"],
    ),
]
Model = Annotated[
    str | None, typer.Option(help="Model to search (`scansearch models`).", show_default=DEFAULTS["model"])
]
Data = Annotated[str | None, typer.Option(help="Data set (`scansearch datasets`).", show_default=DEFAULTS["data"])]
DataRoot = Annotated[str | None, typer.Option(help="Folder (or file) of the data; digits needs none.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training data.", show_default="12")]
BatchSize = Annotated[int | None, typer.Option(help="Images in a step.", show_default="64")]
Devices = Annotated[
    int | None, typer.Option(min=1, help="Processes that share every batch, each with a device.", show_default="1")
]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random.", show_default=str(DEFAULTS["seed"]))]
Config = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="TOML file with sections machine, data, train, augment, model, space, strategy, or a run's config.toml; "
        "repeatable.",
    ),
]
Preset = Annotated[str | None, typer.Option(help="A recipe of the strategy, such as darts' `paper`.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any setting (`scansearch strategies NAME`), such as lr=0.01; repeatable.",
    ),
]


def made_config(
    *,
    epochs: int | None,
    batch_size: int | None,
    devices: int | None,
    config: list[Path] | None,
    preset: str | None,
    settings: list[str] | None,
    **names: Any,
) -> RunConfig:
    """The settings that files and flags make together; ``names`` are those of ``DEFAULTS``."""
    from scansearch.searching.config_file import read_config_files
    from scansearch.searching.configure import make_config
    from scansearch.space import find_space

    flags = {"train": {"epochs": epochs, "batch_size": batch_size}, "machine": {"devices": devices}}
    chosen = read_config_files(config or [], DEFAULTS, _given(names))
    space = find_space(chosen.names.pop("space"))
    layers = [*chosen.layers, ("", {section: _given(values) for section, values in flags.items()})]
    return make_config(space=space, **chosen.names, preset=preset, layers=layers, assignments=settings)


def _given(flags: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}
