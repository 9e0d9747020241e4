"""What all commands share: consoles, tables, JSON, and how an error reaches the user.

Everything that is printed goes through here. Our own words may hold markup (``[bold]``); a value goes into them by ``plain``,
so that nothing in it is taken for markup. Control characters never reach a terminal, whoever forgets.
"""

from __future__ import annotations

import functools
import json
import os
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from scansearch.cli.interrupted import NOTHING_BEGUN, ignore
from scansearch.cli.program import runnable
from scansearch.display.plain import PlainConsole, plain
from scansearch.errors import ScansearchError
from scansearch.machine.launched import LOST, is_first, launched, reported
from scansearch.masking import masked
from scansearch.text import one_line

P = ParamSpec("P")
R = TypeVar("R")
DEBUG_VARIABLE = "SCANSEARCH_DEBUG"


out = PlainConsole(highlight=False, emoji=False, quiet=not is_first())
err = PlainConsole(stderr=True, highlight=False, emoji=False, quiet=not is_first())


def guarded(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a command end with one line and the right status instead of a traceback, unless ``--debug`` is given."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except typer.Exit:
            raise
        except (Exception, KeyboardInterrupt) as error:
            ignore()  # a signal from here on would add a second line
            if os.environ.get(DEBUG_VARIABLE):
                typer.echo(masked(traceback.format_exc()), err=True, nl=False)
            message, status = explain(error)
            complain(message, status)
            raise typer.Exit(status) from error

    return wrapper


def complain(message: str, status: int) -> None:
    """One line on standard error; the status says it too if nothing can be written there."""
    if status and reported(one_line(masked(message)), status):
        return
    prefix = {0: "[yellow]note:[/] ", 130: ""}.get(status, "[bold red]error:[/] ")
    with suppress(OSError):
        err.print(prefix + escape(one_line(masked(runnable(message)))), soft_wrap=True)


def explain(error: BaseException) -> tuple[str, int]:
    """One line about an error, and the status: 2 bad input, 130 interrupted, 1 a defect, 3 another process ended first."""
    if isinstance(error, ScansearchError):
        return str(error), error.exit_status
    if isinstance(error, KeyboardInterrupt):
        return NOTHING_BEGUN, 130
    text = (str(error).splitlines() or [""])[0]
    if launched() and ("gloo" in text or type(error).__module__.startswith("torch.distributed")):
        return "another process of this run ended, and this one with it", LOST
    if isinstance(error, MemoryError) or "out of memory" in text.lower() or "can't allocate memory" in text.lower():
        return (
            f"out of memory ({text or 'no memory left'}); use smaller batches, fewer candidates or a smaller model",
            2,
        )
    if isinstance(error, OSError):
        return f"the system refused: {error}; check the permissions and the space on the disk", 2
    return f"{type(error).__name__}: {text} (this looks like a defect; --debug shows where)", 1


def print_json(data: Any) -> None:
    """JSON on standard output, for other programs, of the first process; in ASCII, so that no locale and no terminal comes between."""
    if is_first():
        typer.echo(json.dumps(data, indent=2))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> Table:
    """A plain table; columns whose cells are all numbers are right-aligned."""
    made = Table(title=title, box=None, pad_edge=False, header_style="bold", title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[i], (int, float)) for row in rows)
        made.add_column(column, justify="right" if numbers else "left", no_wrap=i == 0, overflow="fold")
    for row in rows:
        made.add_row(*(f"{cell:,}" if isinstance(cell, int) else plain(cell) for cell in row))
    return made
