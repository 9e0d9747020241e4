"""How every listing looks: a row for each thing there is, its name and what it is first; with ``--json``, the same facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scansearch.cli.console import out, print_json, table
from scansearch.cli.program import runnable

Cells = Mapping[str, Callable[[dict[str, Any]], Any]]
"""Heads of columns, and how a column's cell comes from the facts."""


def show_listing(kind: str, facts: Sequence[dict[str, Any]], cells: Cells, *, json: bool, more: str) -> None:
    """Prints a listing.

    Args:
        kind: What is listed, in one word: the head of the first column.
        facts: Of each thing, among them ``name`` and ``description``.
        cells: The columns after the name and the description.
        json: Print the facts as JSON instead.
        more: The line below the table, with a command in backquotes that tells more.
    """
    if json:
        print_json(facts)
        return
    rows = [(fact["name"], fact["description"], *(cell(fact) for cell in cells.values())) for fact in facts]
    out.print(table((kind, "description", *cells), rows))
    out.print(f"\n{runnable(more)}", soft_wrap=True)
