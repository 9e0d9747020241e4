"""``scansearch models``: the models there are, and their options."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scansearch.cli.console import guarded, out, print_json
from scansearch.cli.listing import show_listing
from scansearch.cli.option_table import option_rows, option_table
from scansearch.display.plain import plain

if TYPE_CHECKING:
    from scansearch.models import ModelSpec

SHOWN_SIDE, SHOWN_CLASSES = 224, 1000
SHOWN_DIRECTIONS = ("h", "h_flip", "w2", "w2_flip")
SHOWN_SHAPE = f"with {len(SHOWN_DIRECTIONS)} directions a layer, at {SHOWN_CLASSES} classes and {SHOWN_SIDE} x {SHOWN_SIDE} images"


@guarded
def command(
    name: Annotated[str | None, typer.Argument(help="Show the options of this model.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """List models, with the parameters of the derived network (4 directions) and of the default8 supernet.

    With a name, show its options: --set takes them.
    """
    from scansearch.registry import MODELS

    if name is not None:
        _show(MODELS.get(name), json=json)
        return
    facts = [_facts(MODELS.get(found)) for found in MODELS.names()]
    columns = {"layers": "layers", "parameters": "parameters", "supernet": "supernet_parameters"}
    cells = {head: itemgetter(key) for head, key in columns.items()}
    more = f"{SHOWN_SHAPE}; options of a model: `scansearch models NAME`"
    show_listing("model", facts, cells, json=json, more=more)


def _show(spec: ModelSpec, *, json: bool) -> None:
    facts = _facts(spec)
    if json:
        print_json(facts)
        return
    out.print(f"[bold]{plain(spec.name)}[/]: {plain(spec.description)}")
    out.print(
        f"{facts['layers']} layers, {facts['parameters']:,} parameters, {facts['supernet_parameters']:,} in the supernet, {SHOWN_SHAPE}"
    )
    out.print("each option: --set NAME=VALUE\n")
    out.print(option_table(spec.options.listed()))


def _facts(spec: ModelSpec) -> dict[str, Any]:
    from scansearch.models import ImageShape
    from scansearch.registry import SEARCH_SPACES

    shape = ImageShape(SHOWN_SIDE, SHOWN_SIDE, channels=3, classes=SHOWN_CLASSES)
    layers = len(spec.layers(shape))
    candidates = SEARCH_SPACES.get("default8").candidates
    return {
        "name": spec.name,
        "description": spec.description,
        "layers": layers,
        "parameters": spec.parameters([SHOWN_DIRECTIONS] * layers, shape),
        "supernet_parameters": spec.parameters([candidates] * layers, shape, supernet=True),
        "options": option_rows(spec.options.listed()),
    }
