"""How much memory this machine has."""

from __future__ import annotations

import os


def machine_memory() -> int:
    """Bytes of this machine's memory; 0 where the system does not say."""
    names = getattr(os, "sysconf_names", {})
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if "SC_PHYS_PAGES" in names else 0
