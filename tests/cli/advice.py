"""What a line on standard error tells the user to do must be what this command can do."""

from __future__ import annotations

import re

import typer

from scansearch.cli.main import app

ELSEWHERE = re.compile(
    r"`[^`]*`"  # another command
    r"|'[^']*'"  # what the user gave
    r"|(no such option|requires an argument): \S+"
    r"|[^;:,]*\b(a new run|begin a run)\b.*"
    r"|\bpip install .*"
    r"|--set, or in \[machine\].*|--data-root, or mend root.*"  # says what to do without
)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def foreign_options(command: str, errors: str) -> set[str]:
    """Options that a command's lines name and that it does not have."""
    commands = typer.main.get_command(app).commands
    if command not in commands:
        return set()
    known = {name for parameter in commands[command].params for name in parameter.opts}
    told = {name for line in errors.splitlines() for name in OPTION.findall(ELSEWHERE.sub("", line))}
    return told - known - {"--help", "--debug", "--version"}
