"""``scansearch strategies``: the strategies there are, and everything that can be set for a search with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scansearch.cli.console import guarded, out, print_json
from scansearch.cli.listing import show_listing
from scansearch.cli.option_table import option_rows, option_table
from scansearch.display.plain import plain

if TYPE_CHECKING:
    from scansearch.option_listing import Sections
    from scansearch.strategy.preset import Preset
    from scansearch.strategy.strategy import Strategy


@guarded
def command(
    name: Annotated[str | None, typer.Argument(help="Show all that can be set for a search with this one.")] = None,
    model: Annotated[str, typer.Option(help="With the options of this model.")] = "local_vim_micro",
    data: Annotated[str, typer.Option(help="With the augmentation of this data set.")] = "digits",
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """List search strategies; with a name, show every setting that --set takes, and the presets.

    Examples:
      scansearch strategies
      scansearch strategies darts --model local_vim_tiny --data cifar10
    """
    if name is None:
        _list(json=json)
        return
    from scansearch.registry import DATASETS, MODELS, STRATEGIES
    from scansearch.searching.known_settings import known_settings

    kind = STRATEGIES.get(name)
    known = known_settings(kind, MODELS.get(model), DATASETS.get(data).augment)
    if json:
        settings = {section: option_rows(options) for section, options in known.items()}
        presets = {preset: recipe._asdict() for preset, recipe in kind.presets.items()}
        facts = {"name": name, "description": kind.description, "when": kind.when}
        print_json({**facts, "settings": settings, "presets": presets})
        return
    headings = {
        "strategy": f"settings of {name}",
        "machine": "machine: where and how fast; two runs that differ in nothing else are comparable",
        "data": "data: the images, and how many",
        "train": "train: how the weights of the supernet learn",
        "augment": f"augment: what is done to training images; defaults of {data}",
        "model": f"model: defaults of {model}",
        "space": "space: changes of the --space; unset, it is as it is",
    }
    _show(name, kind, {heading: known[section] for section, heading in headings.items()})


def _list(*, json: bool) -> None:
    from scansearch.registry import STRATEGIES

    found = {name: STRATEGIES.get(name) for name in STRATEGIES.names()}
    facts = [{"name": name, "description": kind.description, "when": kind.when} for name, kind in found.items()]
    cells = {"take it when": lambda fact: fact["when"]}
    more = "all settings of a search, and the presets: `scansearch strategies NAME`"
    show_listing("strategy", facts, cells, json=json, more=more)


def _show(name: str, kind: type[Strategy], known: Sections) -> None:
    out.print(f"[bold]{plain(name)}[/]: {plain(kind.description)}")
    if kind.when:
        out.print(f"take it when: {plain(kind.when)}")
    out.print("each setting: --set NAME=VALUE, or NAME = VALUE in its section of a --config file")
    for heading, options in known.items():
        if options:
            out.print(f"\n[bold]{plain(heading)}[/]")
            out.print(option_table(options))
    for preset, recipe in kind.presets.items():
        _show_preset(preset, recipe)


def _show_preset(name: str, preset: Preset) -> None:
    values = ", ".join(f"{key}={value}" for section in preset.settings.values() for key, value in section.items())
    out.print(f"\n[bold]--preset {plain(name)}[/]: {plain(values)}")
    if preset.source:
        out.print(f"from: {plain(preset.source)}")
    for note in preset.notes(name):
        out.print(f"note: {plain(note)}")
