"""Keeping freed memory in the process: on Linux, a training step otherwise returns hundreds of megabytes and gets them anew."""

from __future__ import annotations

import ctypes
import platform

# Parameters of glibc's mallopt (see its manual page) and their values in bytes; 32 MiB is the largest that it takes.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_SETTINGS = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: (1 << 31) - 1, _TOP_PAD: 64 << 20}


def keep_freed_memory() -> bool:
    """Asks the C library to keep up to 2 GiB of freed memory; returns whether it does.

    Fresh memory arrives page by page, and a page costs more than the arithmetic on it. Results do not change.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(parameter, value) == 1 for parameter, value in _SETTINGS.items())
