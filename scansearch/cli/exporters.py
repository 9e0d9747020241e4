"""``scansearch exporters``: the forms in which a network can leave."""

from __future__ import annotations

from typing import Annotated

import typer

from scansearch.cli.console import guarded
from scansearch.cli.listing import show_listing


@guarded
def command(
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """List the forms in which a genotype can be exported, and whether a run writes them by itself.

    Examples:
      scansearch export local_vim_tiny --to json
    """
    from scansearch.registry import EXPORTERS

    found = {name: EXPORTERS.get(name) for name in EXPORTERS.names()}
    facts = [{"name": name, "of_run": e.of_run, "description": e.description} for name, e in found.items()]
    cells = {"by each run": lambda fact: "yes" if fact["of_run"] else "no"}
    show_listing("exporter", facts, cells, json=json, more="write one: `scansearch export SOURCE --to NAME`")
