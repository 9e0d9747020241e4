"""How much memory this process may use, whatever is free of it: the machine's, or less where a limit was set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

OWN_GROUPS = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")
"""Where Linux tells of control groups, by which containers and batch systems are limited; of both versions."""
UNLIMITED = 2**60
"""Bytes that no limit is: what some systems write where there is none."""


def machine_memory() -> int:
    """Bytes of this machine's memory, or of the limit of a container, a batch job or `ulimit -v`; 0 where the system does not say."""
    return min((size for size in (_physical(), _address_space(), *_groups()) if 0 < size < UNLIMITED), default=0)


def _physical() -> int:
    names = getattr(os, "sysconf_names", {})
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if "SC_PHYS_PAGES" in names else 0


def _address_space() -> int:
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return 0 if limit == resource.RLIM_INFINITY else limit


def _groups() -> Iterator[int]:
    """Limits of the control group of this process and of all around it."""
    if not OWN_GROUPS.exists():
        return
    for line in OWN_GROUPS.read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        # In a container, files of the root are often those of its own group, whose name they do not have.
        root, name = (GROUPS / "memory", "memory.limit_in_bytes") if controllers else (GROUPS, "memory.max")
        own = PurePosixPath(group.lstrip("/"))
        for folder in (own, *own.parents):
            with suppress(OSError, ValueError):  # no such file, or `max`
                yield int((root / folder / name).read_text())
