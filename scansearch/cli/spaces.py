"""``scansearch spaces``: the search spaces there are."""

from __future__ import annotations

from typing import Annotated

import typer

from scansearch.cli.console import guarded, out, print_json, table


@guarded
def command(
    json: Annotated[bool, typer.Option("--json", help="JSON for other programs.")] = False,
) -> None:
    """List search spaces: their candidates and how many of them each layer keeps.

    A space of your own is a JSON file of the same form (see `--json`), given as `--space mine.json`, or a package's entry point.
    """
    from scansearch.registry import SEARCH_SPACES

    found = [SEARCH_SPACES.get(name) for name in SEARCH_SPACES.names()]
    if json:
        print_json([space.model_dump(mode="json", by_alias=True) for space in found])
        return
    rows = [(s.name, s.keep, len(s.candidates), " ".join(s.candidates), s.description) for s in found]
    out.print(table(("space", "keep", "of", "candidates", ""), rows))
