"""Which implementations there are, which of them work here, and which one ``auto`` means.

A backend is a module with one function for each operation, in panel layout, arguments checked (``scan``, ``reorder_conv_silu``,
``restore_gate``, ``norm_reduce``, ``weigh``, ``mixture``), and ``check``, which says what it runs on or raises BackendUnavailableError.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import torch

from scansearch.errors import BackendUnavailableError, ScansearchError, UnsupportedError
from scansearch.ops.shapes import FLOATS

MODULES = {
    "reference": "scansearch.ops.reference",
    "torch": "scansearch.ops.time_major",
    "cpu": "scansearch.ops.cpu",
    "mamba_ssm": "scansearch.ops.mamba",
}

_DTYPES = {"cpu": FLOATS[1:2], "mamba_ssm": FLOATS[1:]}
"""What a backend computes in, if not everything."""
_LOADED: dict[str, ModuleType] = {}


@dataclass(frozen=True)
class BackendStatus:
    """Whether a backend works on this machine.

    Attributes:
        name: The backend.
        available: Whether it can be used.
        reason: What it runs on, or what is missing and what to do; one line.
        chosen: Whether ``auto`` takes it for float32 tensors of the device that was asked about.
    """

    name: str
    available: bool
    reason: str
    chosen: bool = False


def backend_report(device: str | torch.device = "cpu") -> list[BackendStatus]:
    """What works here for tensors on ``device``, as `scansearch doctor` shows it."""
    kind = torch.device(device).type
    chosen = _automatic(kind, frozenset([torch.float32]))
    return [BackendStatus(name, *_status(name, kind), chosen=name == chosen) for name in MODULES]


def resolve_backend(name: str, *tensors: torch.Tensor | None) -> str:
    """The backend that ``name`` means for ``tensors``: ``auto`` becomes one that works, any other name is checked.

    Raises:
        ScansearchError: If there is no such backend.
        BackendUnavailableError: If it was asked for by name and does not work here.
        UnsupportedError: If it was asked for by name and does not compute in the tensors' type.
    """
    given = [tensor for tensor in tensors if tensor is not None]
    return _resolved(name, given[0].device.type, frozenset(tensor.dtype for tensor in given))


def _resolved(name: str, kind: str, dtypes: frozenset[torch.dtype]) -> str:
    if name == "auto":
        return _automatic(kind, dtypes)
    check_name(name)
    available, reason = _status(name, kind)
    if not available:
        raise BackendUnavailableError(f"backend {name!r} cannot run here: {reason}; use 'torch' or 'auto'")
    if foreign := dtypes.difference(_DTYPES.get(name, dtypes)):
        raise UnsupportedError(f"backend {name!r} does not compute in {next(iter(foreign))}; use 'torch' or 'auto'")
    return name


def check_name(name: str) -> None:
    """Checks that ``name`` is ``auto`` or that of a backend, whether or not it works here.

    Raises:
        ScansearchError: If it is not.
    """
    if name != "auto" and name not in MODULES:
        raise ScansearchError(f"unknown backend {name!r}; there is: auto, {', '.join(MODULES)}")


def backend_for(name: str, *tensors: torch.Tensor | None) -> ModuleType:
    """The module that computes with ``tensors``; arguments and errors as ``resolve_backend``."""
    given = [tensor for tensor in tensors if tensor is not None]
    return _LOADED[_loaded(name, given[0].device.type, tuple(tensor.dtype for tensor in given))]


def backend_module(name: str) -> ModuleType:
    """The module behind the name of a backend."""
    if name not in _LOADED:
        _LOADED[name] = importlib.import_module(MODULES[name])
    return _LOADED[name]


def _loaded(name: str, kind: str, dtypes: tuple[torch.dtype, ...]) -> str:
    resolved = _resolved(name, kind, frozenset(dtypes))
    backend_module(resolved)
    return resolved


# This is what torch.compiler.assume_constant_result does, which would import the compiler: torch.compile calls the function
# and does not look inside, where modules are found and imported.
_loaded._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _automatic(kind: str, dtypes: frozenset[torch.dtype]) -> str:
    fast = {"cuda": "mamba_ssm", "cpu": "cpu"}.get(kind)
    if fast and dtypes <= set(_DTYPES[fast]) and _status(fast, kind)[0]:
        return fast
    return "torch"


@cache
def _status(name: str, kind: str) -> tuple[bool, str]:
    try:
        reason: str = backend_module(name).check(kind)
    except BackendUnavailableError as error:
        return False, str(error)
    except ImportError as error:
        return False, f"{error}; install it with pip install {error.name or 'numba'}"
    return True, reason
