"""Memory of a run: whether a network fits at all, and keeping what a training step frees for the next one."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable

import torch
from torch import nn

from scansearch.errors import ScansearchError
from scansearch.machine.memory_size import machine_memory

BYTES_PER_PARAMETER = 16
"""A float32 weight, its gradient, and two moments of the optimiser."""

# Parameters of glibc's mallopt (see its manual page) and their values in bytes; 32 MiB is the largest that it takes.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_SETTINGS = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: (1 << 31) - 1, _TOP_PAD: 64 << 20}


def keep_freed_memory() -> bool:
    """Asks the C library to keep up to 2 GiB of freed memory; returns whether it does.

    On Linux, a step otherwise returns hundreds of megabytes to the system and gets them anew. Fresh memory arrives page by
    page, and a page costs more than the arithmetic on it. Results do not change.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(parameter, value) == 1 for parameter, value in _SETTINGS.items())


def check_fits(build: Callable[[], nn.Module], device: torch.device) -> None:
    """Refuses a network whose parameters alone are more than the machine can hold, before any of it is made.

    Args:
        build: Makes the network; called without allocating its tensors.
        device: Where it shall be trained.

    Raises:
        ScansearchError: If weights, gradients and moments need more memory than ``device`` has.
    """
    have = device_memory(device)
    try:
        with torch.device("meta"):
            need = BYTES_PER_PARAMETER * sum(p.numel() for p in build().parameters())
    except RuntimeError as error:  # sizes beyond 64 bits
        raise ScansearchError(
            f"this model is too large: {str(error).splitlines()[0].lower()}; make it smaller"
        ) from error
    if have and need > have:
        raise ScansearchError(
            f"this network needs {need / 2**30:,.0f} GB for weights, gradients and optimiser, but {device} has "
            f"{have / 2**30:,.0f} GB; choose a smaller model or fewer candidates"
        )


def device_memory(device: torch.device) -> int:
    """Bytes that a device has, whatever is free of them; 0 where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return machine_memory()
