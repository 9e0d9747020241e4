"""``scansearch figures``: the figures there are."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scansearch.cli.console import guarded
from scansearch.cli.listing import show_listing


@guarded
def command(
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """List figures: of a run or genotype, of several, or of scan orders.

    Examples:
      scansearch plot local_vim_tiny --figure heatmap
      scansearch scans --figure gallery
    """
    from scansearch.registry import FIGURES

    more = "draw one: `scansearch plot SOURCE --figure NAME`, of scan orders `scansearch scans --figure NAME`"
    show_listing(
        "figure", [_facts(name) for name in FIGURES.names()], {"of": lambda fact: fact["of"]}, json=json, more=more
    )


def _facts(name: str) -> dict[str, Any]:
    from scansearch.figures.figure import find_figure

    spec = find_figure(name)
    return {"name": name, "of": spec.of.kind, "description": spec.description}
