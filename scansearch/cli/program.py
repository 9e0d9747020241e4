"""How this program was called, so that every command it prints can be typed as it stands."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

NAME = "scansearch"


def program() -> str:
    """``scansearch`` where the PATH leads here; else the path, or the interpreter with ``-m``, that was typed."""
    started = Path(sys.argv[0])
    if (started.parent.name, started.name) == (NAME, "__main__.py"):
        return f"{shlex.quote(sys.orig_argv[0])} -m {NAME}"
    return shlex.quote(sys.argv[0]) if started.stem == NAME and not _on_path(started) else NAME


def runnable(message: str) -> str:
    """A message whose commands, in backquotes, call the program as it was called here."""
    return message.replace(f"`{NAME} ", f"`{program()} ")


def _on_path(script: Path) -> bool:
    # Not shutil.which: this also runs inside a signal handler, where nothing should be imported.
    found = (os.path.join(folder, NAME) for folder in os.get_exec_path())
    first = next((path for path in found if os.access(path, os.X_OK)), None)
    return first is not None and os.path.abspath(first) == os.path.abspath(script)
