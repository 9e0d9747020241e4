"""The machine and the versions that every figure depends on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from scansearch.machine.environment import processor

PACKAGES = ("scansearch", "torch", "numba", "mambapy", "jax")


def facts() -> dict[str, str]:
    """CPU, cores, threads and versions."""
    features = torch.backends.cpu.get_cpu_capability()
    return {
        "processor": f"{processor()}, {_cores()} cores usable, {features}",
        "threads": str(torch.get_num_threads()),
        "platform": platform.platform(),
        "versions": ", ".join(
            [f"Python {platform.python_version()}", *(f"{name} {_version(name)}" for name in PACKAGES)]
        ),
    }


def _cores() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return usable or 1


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
