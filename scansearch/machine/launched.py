"""What a process knows of those that share its work, from the environment that torch's launcher gives it; without torch."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

RUN_ID, ERROR_FILE = "TORCHELASTIC_RUN_ID", "TORCHELASTIC_ERROR_FILE"
OURS = "scansearch-"
"""How the launcher's name begins if it is ours; it then says itself why the processes ended."""

LOST = 3
"""Exit status of a process that ended only because another one did."""


def launched() -> bool:
    """Whether this process was started as one of several, by ``torchrun`` or by ``--devices``."""
    return RUN_ID in os.environ


def rank() -> int:
    """The number of this process, from 0."""
    return _number("RANK", 0)


def size() -> int:
    """How many processes there are, on all nodes."""
    return _number("WORLD_SIZE", 1)


def local_size() -> int:
    """How many of them are on this node."""
    return _number("LOCAL_WORLD_SIZE", 1)


def nodes() -> int:
    """On how many nodes they are."""
    return _number("GROUP_WORLD_SIZE", 1)


def is_first() -> bool:
    """Whether this is the process that writes and speaks."""
    return rank() == 0


def reported(line: str, status: int) -> bool:
    """Tells the launcher why this process ends, in the file and the form that torch's launcher reads.

    Args:
        line: One line for the user.
        status: The exit status to come.

    Returns:
        Whether somebody else tells the user: our own launcher, or for all processes but the first torchrun's report.
    """
    if not launched():
        return False
    if ERROR_FILE in os.environ:
        more = {"timestamp": str(int(time.time())), "py_callstack": line}
        report = {"message": {"message": line, "extraInfo": more}, "status": status, "time": time.time_ns()}
        with suppress(OSError):  # the launcher then says that this process ended, without the reason
            Path(os.environ[ERROR_FILE]).write_text(json.dumps(report))
    return os.environ[RUN_ID].startswith(OURS) or not is_first()


def _number(name: str, alone: int) -> int:
    return int(os.environ.get(name, alone)) if launched() else alone
