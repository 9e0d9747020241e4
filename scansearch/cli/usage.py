"""A wrong command line is bad input like any other: one line on standard error, exit status 2."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import typer
from typer.core import TyperGroup

from scansearch.cli.console import complain, explain

# The base of every error in how a command was called: click's, or the copy of click that newer typer carries.
UsageError: Any = typer.BadParameter.__base__


class OneLineGroup(TyperGroup):
    """A group of commands that says in one line what is wrong with a command line."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs a command and leaves the process, or returns its result if not ``standalone_mode``."""
        run = partial(super().main, args, prog_name, complete_var, False, windows_expand_args, **extra)
        if not standalone_mode:
            return run()
        try:
            result = run()
        except UsageError as error:
            command = error.ctx.command_path if error.ctx else "scansearch"
            message = error.format_message().rstrip(".")
            complain(f"{message[:1].lower()}{message[1:]}; see `{command} --help`", 2)
            sys.exit(2)
        except OSError as error:  # the help itself cannot be written
            message, status = explain(error)
            complain(message, status)
            sys.exit(status)
        sys.exit(result if isinstance(result, int) else 0)


def unwrapped(text: str) -> str:
    """Help text whose paragraphs are one line each, for the terminal to wrap; indented lines, examples, stay as they are."""
    return re.sub(r"(?<=\S)\n(?=\S)", " ", text)
