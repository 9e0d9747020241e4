"""What all commands share: consoles, tables, JSON, and how an error reaches the user."""

from __future__ import annotations

import functools
import json
import os
import traceback
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scansearch.errors import ScansearchError

P = ParamSpec("P")
R = TypeVar("R")
DEBUG_VARIABLE = "SCANSEARCH_DEBUG"

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def guarded(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a command end with one line and the right status instead of a traceback, unless ``--debug`` is given."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (typer.Exit, BrokenPipeError):  # the reader of a pipe went away: typer's business
            raise
        except (Exception, KeyboardInterrupt) as error:
            if os.environ.get(DEBUG_VARIABLE):
                traceback.print_exc()
            message, status = explain(error)
            complain(message, status)
            raise typer.Exit(status) from error

    return wrapper


def complain(message: str, status: int) -> None:
    """One line on standard error."""
    prefix = "" if status == 130 else "[bold red]error:[/] "
    err.print(prefix + escape(" ".join(message.splitlines())), soft_wrap=True)


def explain(error: BaseException) -> tuple[str, int]:
    """One line about an error, and the exit status: 2 for bad input, 130 for an interruption, 1 for a defect."""
    if isinstance(error, ScansearchError):
        return str(error), error.exit_status
    if isinstance(error, KeyboardInterrupt):
        return "stopped before anything was begun; nothing is lost", 130
    text = (str(error).splitlines() or [""])[0]
    if isinstance(error, MemoryError) or "out of memory" in text.lower() or "can't allocate memory" in text.lower():
        return (
            f"out of memory ({text or 'no memory left'}); use a smaller --batch-size, fewer candidates or a smaller model",
            2,
        )
    if isinstance(error, OSError):
        return f"the system refused: {error}; check the permissions and the space on the disk", 2
    return f"{type(error).__name__}: {text} (this looks like a defect; --debug shows where)", 1


def print_json(data: Any) -> None:
    """JSON on standard output, for other programs."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> Table:
    """A plain table; columns whose cells are all numbers are right-aligned."""
    made = Table(title=title, box=None, pad_edge=False, header_style="bold", title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[i], (int, float)) for row in rows)
        made.add_column(column, justify="right" if numbers else "left", no_wrap=i == 0, overflow="fold")
    for row in rows:
        made.add_row(*(f"{cell:,}" if isinstance(cell, int) else escape(str(cell)) for cell in row))
    return made
