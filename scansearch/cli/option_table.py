"""Options as listings show them: a row each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from scansearch.cli.console import table

if TYPE_CHECKING:
    from scansearch.option_listing import Option

WIDEST_TAKES = 18


def option_table(options: Sequence[Option]) -> Table:
    """Name, default, what it takes and what it does."""
    rows = [(o.name, "unset" if o.default is None else _shown(o.default), o.takes, o.description) for o in options]
    made = table(("setting", "default", "takes", ""), rows)
    made.columns[1].no_wrap = True
    made.columns[2].max_width = WIDEST_TAKES
    return made


def option_rows(options: Sequence[Option]) -> list[dict[str, Any]]:
    """The same as JSON data."""
    return [option._asdict() for option in options]


def _shown(default: Any) -> str:
    """A value as ``--set`` takes it."""
    if isinstance(default, float):
        return f"{default:g}"
    return str(default).lower() if isinstance(default, bool) else str(default) or "''"
