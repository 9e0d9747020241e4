"""Commands in forked children of a process that has imported everything: thousands of cases instead of dozens.

The parent must not have computed anything on several threads: a forked child has none of them.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DEFECT = 70
"""Exit status of a child that ended in an exception nobody caught."""


@dataclass(frozen=True)
class Outcome:
    """How a child ended.

    Args:
        status: Exit status, or minus the signal's number.
        out: What it wrote to standard output.
        err: What it wrote to standard error.
        slow: Whether it was ended because its time was up.
    """

    status: int
    out: str
    err: str
    slow: bool = False


def in_child(work: Callable[[], object], scratch: Path, *, seconds: float = 60, memory: int = 0) -> Outcome:
    """Runs ``work`` in a forked child.

    Args:
        work: What to do; a SystemExit's code is the status.
        scratch: Folder for what the child writes to its standard streams.
        seconds: The child is ended after this time.
        memory: Bytes it may allocate beyond what it has; 0 sets no limit.
    """
    streams = [scratch / name for name in ("stdout", "stderr")]
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _be_child(work, streams, memory)
    until, slow = time.monotonic() + seconds, False
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > until and not slow:
            os.kill(child, signal.SIGKILL)
            slow = True
        time.sleep(0.002)
    status = os.waitstatus_to_exitcode(ended[1])
    out, err = (path.read_text(errors="replace") for path in streams)
    return Outcome(status, out, err, slow)


def _be_child(work: Callable[[], object], streams: list[Path], memory: int) -> None:
    status = DEFECT
    try:
        for number, path in enumerate(streams, start=1):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, number)
            os.close(handle)
        if memory:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
        work()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:  # the parent is told, and the child must never go on as a second parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
