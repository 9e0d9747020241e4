"""``scansearch models``: the models there are, and their options."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scansearch.cli.console import guarded, out, print_json, table
from scansearch.cli.option_table import option_rows, option_table
from scansearch.cli.program import runnable
from scansearch.display.plain import plain

SHOWN_CLASSES = 1000
SHOWN_IMAGE = (224, 224)
SIZES = f"at {SHOWN_CLASSES} classes and {SHOWN_IMAGE[0]} x {SHOWN_IMAGE[1]} images"
SHOWN_DIRECTIONS = ("h", "h_flip", "w2", "w2_flip")


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
    if json:
        print_json(facts)
        return
    rows = [(f["name"], f["layers"], f["parameters"], f["supernet_parameters"], f["description"]) for f in facts]
    out.print(table(("model", "layers", "parameters", "supernet", ""), rows))
    out.print(runnable(f"\n{SIZES}; options of a model: `scansearch models NAME`"), soft_wrap=True)


def _show(spec: Any, *, json: bool) -> None:
    facts = _facts(spec)
    if json:
        print_json(facts)
        return
    out.print(f"[bold]{plain(spec.name)}[/]: {plain(spec.description)}")
    out.print(
        f"{facts['layers']} layers, {facts['parameters']:,} parameters, {facts['supernet_parameters']:,} in the supernet, {SIZES}"
    )
    out.print("each option: --set NAME=VALUE\n")
    out.print(option_table(spec.options()))


def _facts(spec: Any) -> dict[str, Any]:
    import torch

    from scansearch.registry import SEARCH_SPACES

    layers = spec.layers(SHOWN_IMAGE)
    sizes: dict[str, Any] = {"num_classes": SHOWN_CLASSES, "image_size": SHOWN_IMAGE, "in_channels": 3}
    with torch.device("meta"):
        network = spec.network([SHOWN_DIRECTIONS] * len(layers), **sizes)
        supernet = spec.supernet([SEARCH_SPACES.get("default8").candidates] * len(layers), **sizes)
    return {
        "name": spec.name,
        "description": spec.description,
        "layers": len(layers),
        "parameters": sum(p.numel() for p in network.parameters()),
        "supernet_parameters": sum(p.numel() for p in supernet.parameters()),
        "options": option_rows(spec.options()),
    }
