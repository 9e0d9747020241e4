"""Which backends there are, which of them work here, and which one computes a call."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from scansearch.errors import BackendUnavailableError, ScansearchError, UnsupportedError
from scansearch.ops.backends.base import Backend
from scansearch.ops.operator import recorded
from scansearch.registry import BACKENDS

_QUEUES: dict[tuple[str, str], tuple[Backend, ...]] = {}
"""Whom to ask, one after the other, by the name that was asked for and the type of device; only backends that work there."""
_MADE_FOR: list[int] = []
_SAID: set[tuple[str, str]] = set()
SMALL = (*((1, 1, 1, 1),) * 2, (1, 1, 1), *((1, 1, 1, 1),) * 2, (1, 1), (1, 1, 1, 1), (1, 1))
"""Shapes of a scan of one step, in the order of ``ScanInputs``."""


@dataclass(frozen=True)
class BackendStatus:
    """Whether a backend works on this machine.

    Attributes:
        name: The backend.
        available: Whether it can be used; where it serves the device that was asked about, its numbers are right there, too.
        reason: What it runs on, or what is missing and what to do; one line.
        chosen: Whether ``auto`` takes it for float32 tensors of the device that was asked about.
    """

    name: str
    available: bool
    reason: str
    chosen: bool = False


def backend_report(device: str | torch.device = "cpu") -> list[BackendStatus]:
    """What works here, as `scansearch doctor` shows it, those that ``auto`` asks first at the top."""
    kind = torch.device(device).type
    chosen = resolve_backend("auto", torch.empty(0, dtype=torch.float32, device=device))
    found = []
    for backend in _all(BACKENDS.changes):
        missing = _unusable(backend, kind)
        reason = backend.describe() if missing is None else missing
        if missing is None and kind in backend.checked:
            reason += "; its numbers agree with the reference here"
        found.append(BackendStatus(backend.name, missing is None, reason, chosen=backend.name == chosen))
    return found


def resolve_backend(name: str, *tensors: torch.Tensor | None) -> str:
    """The backend that runs a small selective scan of such tensors if ``name`` is asked for.

    It is ``name`` itself, unless that is ``auto`` or does not take the tensors' types or device: then the next in the queue.

    Raises:
        ScansearchError: If there is no such backend.
        BackendUnavailableError: If it was asked for by name and does not work here.
    """
    given = [tensor for tensor in tensors if tensor is not None]
    kinds = [given[min(i, len(given) - 1)] for i in range(len(SMALL))]
    example = [kind.new_empty(shape) for kind, shape in zip(kinds, SMALL, strict=True)]
    return backend_for(name, "scan", *example).name


def check_name(name: str) -> None:
    """Checks that ``name`` is ``auto`` or that of a backend, whether or not it works here.

    Raises:
        ScansearchError: If it is not.
    """
    if name != "auto" and name not in (known := [backend.name for backend in _all(BACKENDS.changes)]):
        raise ScansearchError(f"unknown backend {name!r}; there is: auto, {', '.join(known)}")


def call(name: str, op: str, *tensors: torch.Tensor | None) -> Any:
    """What ``op`` gives for ``tensors``, its only arguments; otherwise as ``backend_for``."""
    return getattr(backend_for(name, op, *tensors), op)(*tensors)


def backend_for(name: str, op: str, *tensors: torch.Tensor | None) -> Backend:
    """The backend that computes one call.

    Where a backend was asked for by name and does not take the call, a warning says so, once for every reason.

    Args:
        name: ``auto``, or whom to ask first.
        op: One of ``FINE``.
        *tensors: Its tensors, in the order of its arguments.

    Raises:
        ScansearchError: If there is no such backend.
        BackendUnavailableError: If it was asked for by name and does not work here.
        UnsupportedError: If none takes the tensors.
    """
    refusal: str | None = None
    for backend in _QUEUES[name, _ready(name, _kind(tensors))]:
        reason = backend.declines(op, *tensors)
        if reason is None:
            if refusal is not None:
                _say(name, refusal, op, repr(backend.name))
            return backend
        refusal = refusal or reason
    raise UnsupportedError(f"no backend takes the tensors of {op}: for {name!r}, {refusal}; convert them with .float()")


def coarse_backend(name: str, op: str, *tensors: torch.Tensor | None) -> Backend | None:
    """The backend that computes a coarse operation better than its parts; ``None``: compute the parts.

    The first in the queue that serves the device decides: one further down may be slower than the parts of this one.

    Args:
        name: As in ``backend_for``, and so are the errors.
        op: One of ``COARSE``.
        *tensors: Its tensors, the first of which is there.
    """
    kind = _kind(tensors)
    for backend in _QUEUES[name, _ready(name, kind)]:
        if not backend.serves(kind):
            continue
        if not backend.has(op):
            return None
        reason = backend.supports(op, *tensors)
        if reason is None:
            return backend
        _say(name, reason, op, "its parts")
        return None
    return None


def _say(name: str, refusal: str, op: str, other: str) -> None:
    if name != "auto" and not recorded() and (name, refusal) not in _SAID:
        _SAID.add((name, refusal))
        warnings.warn(f"backend {name!r} leaves {op} to {other}: {refusal}", stacklevel=5)


def _kind(tensors: tuple[torch.Tensor | None, ...]) -> str:
    """The type of device that the tensors are on, the first of which is there."""
    return next(tensor for tensor in tensors if tensor is not None).device.type


def _ready(name: str, kind: str) -> str:
    """The type of device, for which there is a queue of this name now."""
    if not _MADE_FOR or _MADE_FOR[0] != BACKENDS.changes:
        _QUEUES.clear()
        _MADE_FOR[:] = [BACKENDS.changes]
    if ("auto", kind) not in _QUEUES:
        working = [backend for backend in _all(BACKENDS.changes) if _unusable(backend, kind) is None]
        queues = {(first.name, kind): (first, *(other for other in working if other is not first)) for first in working}
        _QUEUES.update({**queues, ("auto", kind): tuple(working)})
    if (name, kind) not in _QUEUES:
        check_name(name)
        missing = next(_unusable(backend, kind) for backend in _all(BACKENDS.changes) if backend.name == name)
        raise BackendUnavailableError(f"backend {name!r} cannot run here: {missing}; use 'torch' or 'auto'")
    return kind


# This is what torch.compiler.assume_constant_result does, which would import the compiler: torch.compile calls the function
# and does not look inside, where modules are found and imported.
_ready._dynamo_marked_constant = True  # type: ignore[attr-defined]


@lru_cache(maxsize=1)
def _all(changes: int) -> tuple[Backend, ...]:
    """Every registered backend, the highest priority first."""
    backends: list[Backend] = [BACKENDS.get(name) for name in BACKENDS.names()]
    return tuple(sorted(backends, key=lambda backend: (-backend.priority, backend.name)))


@lru_cache
def _missing(backend: Backend) -> str | None:
    try:
        return backend.available()
    except ImportError as error:
        return f"{error}; install it with pip install {error.name}"


def _unusable(backend: Backend, kind: str) -> str | None:
    """Why a backend cannot be used for tensors on this type of device, wherever it may work."""
    missing = _missing(backend)
    return _wrong(backend, kind) if missing is None and kind in backend.checked else missing


@lru_cache
def _wrong(backend: Backend, kind: str) -> str | None:
    wrong = backend.self_check()
    if wrong is not None:
        warnings.warn(f"backend {backend.name!r} is not used on {kind}: {wrong}", stacklevel=2)
    return wrong
