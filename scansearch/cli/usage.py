"""A wrong command line is bad input like any other: one line on standard error, exit status 2."""

from __future__ import annotations

import difflib
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
            complain(f"{_in_one_style(error)}; see `{command} --help`", 2)
            sys.exit(2)
        except OSError as error:  # the help itself cannot be written
            message, status = explain(error)
            complain(message, status)
            sys.exit(status)
        sys.exit(result if isinstance(result, int) else 0)


def _in_one_style(error: Any) -> str:
    """What is wrong, and the nearest thing that there is, as our other errors say it."""
    message = error.format_message().rstrip(".")
    message = re.sub(r"\.? Did you mean (.*?)\?$", r" (did you mean \1?)", message)
    option = getattr(error, "option_name", "") if hasattr(error, "possibilities") else ""
    if option:
        setting = option.lstrip("-").replace("-", "_")
        nearest = difflib.get_close_matches(option, error.possibilities or (), n=1)
        meant = f"--set {setting}=VALUE" if setting in _settings(error) else "".join(nearest)
        message = f"no such option: {option}" + (f" (did you mean {meant}?)" if meant else "")
    return f"{message[:1].lower()}{message[1:]}"


def _settings(error: Any) -> set[str]:
    """Names that the command takes by ``--set``, of the default strategy and model."""
    if error.ctx is None or error.ctx.info_name != "run":
        return set()
    from scansearch.registry import DATASETS, MODELS, STRATEGIES
    from scansearch.searching.known_settings import known_settings

    known = known_settings(STRATEGIES.get("darts"), MODELS.get("local_vim_micro"), DATASETS.get("digits").augment)
    return {option.name for options in known.values() for option in options}


def unwrapped(text: str) -> str:
    """Help text whose paragraphs are one line each, for the terminal to wrap; indented lines, examples, stay as they are."""
    return re.sub(r"(?<=\S)\n(?=\S)", " ", text)
