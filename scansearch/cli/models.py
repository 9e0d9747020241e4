"""``scansearch models``: the models there are."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scansearch.cli.console import guarded, out, plain, print_json, table

SHOWN_CLASSES = 1000
SHOWN_IMAGE = (224, 224)
SHOWN_DIRECTIONS = ("h", "h_flip", "w2", "w2_flip")


@guarded
def command(
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """List models, with the parameters of the derived network (4 directions) and of the default8 supernet."""
    from scansearch.registry import MODELS

    facts = [_facts(MODELS.get(name)) for name in MODELS.names()]
    if json:
        print_json(facts)
        return
    rows = [(f["name"], f["layers"], f["parameters"], f["supernet_parameters"], f["description"]) for f in facts]
    out.print(table(("model", "layers", "parameters", "supernet", ""), rows))
    out.print(
        f"\nat {SHOWN_CLASSES} classes and {SHOWN_IMAGE[0]} x {SHOWN_IMAGE[1]} images; options of a model: --set NAME=VALUE"
    )
    for fact in facts[:1]:
        out.print("options: " + plain(", ".join(fact["options"])))


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
        "options": spec.options(),
    }
