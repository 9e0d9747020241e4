"""Facts about this process that the numbers of a run depend on: versions, machine, threads, command."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from scansearch.masking import masked

PACKAGES = ("scansearch", "torch", "numpy", "numba", "lightning-fabric", "scikit-learn", "mamba-ssm")


def describe(
    data: Mapping[str, str],
    device: torch.device,
    backend: str,
    mixture: str = "auto",
    precision: str = "32-true",
    processes: int = 1,
) -> dict[str, Any]:
    """Facts about this process, as JSON data.

    Args:
        data: Name and fingerprint of the images.
        device: Where the supernet runs.
        backend: Backend of the selective scan.
        mixture: How a layer runs its directions, as the model was told.
        precision: Number format, by its name in Fabric.
        processes: How many share the run.
    """
    return {
        "command": command(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "versions": versions(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "processes": processes,
        "threads": torch.get_num_threads(),
        "scan_backend": backend,
        "mixture": mixture,
        "precision": precision,
        "data": dict(data),
    }


def command() -> str:
    """The command line of this process, the program by its name alone, without passwords."""
    started = Path(sys.argv[0])
    program = (started.parent if started.name == "__main__.py" else started).name or "python"
    return shlex.join([program, *map(masked, sys.argv[1:])])


def versions() -> dict[str, str]:
    """Versions of the packages that numbers depend on, as far as they are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """The name of the CPU."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
