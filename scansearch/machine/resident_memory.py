"""How much memory this process holds."""

from __future__ import annotations

import ctypes
import gc
import platform
import resource
import sys
from pathlib import Path

STATM = Path("/proc/self/statm")


def resident_memory() -> int:
    """Bytes of this process in memory, once what is free was given back; where the system does not say, its peak so far."""
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
