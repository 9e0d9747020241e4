"""What a run depended on: versions, machine, threads, data, command."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, Field, ValidationError

from scansearch.data import ImageData
from scansearch.documents import first_problem, read_json
from scansearch.errors import ScansearchError
from scansearch.files import write_text
from scansearch.masking import masked

PACKAGES = ("scansearch", "torch", "numpy", "numba", "lightning-fabric", "scikit-learn", "mamba-ssm")


class _Images(BaseModel):
    name: str
    fingerprint: str


class _Facts(BaseModel):
    """What ``environment.json`` must hold to be used again."""

    command: str
    device: str
    threads: Annotated[int, Field(ge=1, strict=True)]
    scan_backend: str
    processor: str
    mixture: str
    versions: dict[str, str]
    data: _Images


def describe(data: ImageData, device: torch.device, backend: str, mixture: str = "auto") -> dict[str, Any]:
    """Facts about this process, as JSON data.

    Args:
        data: The images, for their fingerprint.
        device: Where the supernet runs.
        backend: Backend of the selective scan.
        mixture: How a layer runs its directions, as the model was told.
    """
    return {
        "command": command(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "versions": versions(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "threads": torch.get_num_threads(),
        "scan_backend": backend,
        "mixture": mixture,
        "data": {"name": data.name, "fingerprint": data.fingerprint},
    }


def command() -> str:
    """The command line of this process, the program by its name alone, without passwords."""
    program = Path(sys.argv[0]).name or "python"
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


def write_environment(folder: Path, facts: dict[str, Any]) -> None:
    """Writes ``environment.json``."""
    write_text(folder / "environment.json", json.dumps(facts, indent=2) + "\n")


def read_environment(folder: Path) -> dict[str, Any]:
    """Reads ``environment.json``.

    Raises:
        ScansearchError: If it is missing or damaged.
    """
    path = folder / "environment.json"
    facts = read_json(path, "run environment")
    if not isinstance(facts, dict):
        raise ScansearchError(f"{path}: a run environment is a JSON object, but this is not; start the run anew")
    try:
        _Facts(**facts)
    except ValidationError as error:
        raise ScansearchError(f"{path}: {first_problem(error)}; restore it or start the run anew") from error
    return facts


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What a resumed run finds changed, one line each: such a run continues, but not bit for bit."""
    lines = []
    for key in ("versions", "processor", "device", "threads", "scan_backend", "mixture"):
        if before.get(key) != now.get(key):
            lines.append(f"{key.replace('_', ' ')} changed since the run began: {before.get(key)} -> {now.get(key)}")
    return lines


def processor() -> str:
    """The name of the CPU."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
