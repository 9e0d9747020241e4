"""Which backends of the selective scan work here, which one is used, and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import torch

from scansearch.errors import BackendUnavailableError, ScansearchError, UnsupportedError

NAMES = ("reference", "torch", "cpu", "mamba_ssm")
MAX_MAMBA_STATES = 256


@dataclass(frozen=True)
class BackendStatus:
    """Whether a backend works here.

    Args:
        name: Name of the backend.
        available: Whether it can run.
        reason: What it is, or why it cannot run and what to do.
    """

    name: str
    available: bool
    reason: str


def backend_report(device: str = "cpu") -> list[BackendStatus]:
    """Every backend, with the reason why it can or cannot run on ``device``."""
    return [_status(name, torch.device(device).type) for name in NAMES]


def resolve_backend(name: str, tensor: torch.Tensor) -> str:
    """The backend that runs for ``tensor`` when ``name`` is asked for; ``"auto"`` takes the fastest that works.

    Raises:
        BackendUnavailableError: If the backend asked for cannot run here.
        UnsupportedError: If it cannot compute this dtype.
    """
    device = tensor.device.type
    if name == "auto":
        return _fastest(device, tensor.dtype)
    if name not in NAMES:
        raise ScansearchError(f"unknown scan backend {name!r}; there is: auto, {', '.join(NAMES)}")
    status = _status(name, device)
    if not status.available:
        raise BackendUnavailableError(f"scan backend {name!r} cannot run here: {status.reason}")
    if name == "cpu" and tensor.dtype != torch.float32:
        raise UnsupportedError(f"scan backend 'cpu' computes float32, but got {tensor.dtype}; use 'torch' or 'auto'")
    if name == "mamba_ssm" and tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        raise UnsupportedError(
            f"scan backend 'mamba_ssm' computes float32, float16 or bfloat16, but got {tensor.dtype}"
        )
    return name


def _fastest(device: str, dtype: torch.dtype) -> str:
    if device == "cuda" and dtype != torch.float64 and _status("mamba_ssm", device).available:
        return "mamba_ssm"
    if device == "cpu" and dtype == torch.float32 and _status("cpu", device).available:
        return "cpu"
    return "torch"


@cache
def _status(name: str, device: str) -> BackendStatus:
    if name == "reference":
        return BackendStatus(name, True, "step by step, any device and dtype; slow: the oracle of the tests")
    if name == "torch":
        return BackendStatus(name, True, "vectorised over all but time, any device and dtype")
    problem = _cpu_problem(device) if name == "cpu" else _mamba_problem(device)
    works = "numba with explicit vectors, float32" if name == "cpu" else "the CUDA kernel of mamba-ssm"
    return BackendStatus(name, problem is None, problem or works)


def _cpu_problem(device: str) -> str | None:
    if device != "cpu":
        return f"it computes on the CPU, but the tensors are on {device}"
    if find_spec("numba") is None:
        return "the package numba is missing; pip install numba"
    try:
        import scansearch.ops.cpu_backend  # noqa: F401
    except Exception as error:  # a broken numba fails in many ways; all mean that this backend cannot run
        return f"numba does not work here ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
    return None


def _mamba_problem(device: str) -> str | None:
    if find_spec("selective_scan_cuda") is None or find_spec("mamba_ssm") is None:
        return 'the package mamba-ssm is missing; pip install --no-build-isolation "scansearch[cuda]"'
    if not torch.cuda.is_available():
        return "mamba-ssm needs a CUDA GPU, but torch finds none"
    if device != "cuda":
        return f"mamba-ssm computes on a CUDA GPU, but the tensors are on {device}"
    return None
