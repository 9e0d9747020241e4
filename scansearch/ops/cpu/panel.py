"""Handing tensors to a kernel: a panel is an address and four strides."""

from __future__ import annotations

from typing import NamedTuple

import torch
from numba import njit

from scansearch.ops.cpu.machine import load_integer

OPTIONS = {"boundscheck": False, "error_model": "numpy"}
INLINE = OPTIONS | {"forceinline": True}
_HEADER = 10  # ticket, tasks, and the Sizes


class Panel(NamedTuple):
    """A float32 tensor (G, B, L, X) inside a kernel: ``data`` is an address in bytes, the strides count floats."""

    data: int
    group: int
    batch: int
    step: int
    lane: int


class Sizes(NamedTuple):
    """What a scan kernel must know beside its panels; ``states`` is a multiple of STATES."""

    groups: int
    batch: int
    length: int
    channels: int
    states: int
    blocks: int
    splits: int
    softplus: int


def flatten(tensor: torch.Tensor) -> tuple[int, ...]:
    """The five integers of a 4-d tensor's Panel."""
    return (tensor.data_ptr(), *tensor.stride())


@njit(**INLINE)
def sizes_of(values):  # type: ignore[no-untyped-def]
    """The Sizes in a kernel's values."""
    return Sizes(
        load_integer(values, 2),
        load_integer(values, 3),
        load_integer(values, 4),
        load_integer(values, 5),
        load_integer(values, 6),
        load_integer(values, 7),
        load_integer(values, 8),
        load_integer(values, 9),
    )


@njit(**INLINE)
def panel_of(values, k):  # type: ignore[no-untyped-def]
    """The ``k``-th Panel in a kernel's values."""
    i = _HEADER + 5 * k
    return Panel(
        load_integer(values, i),
        load_integer(values, i + 1),
        load_integer(values, i + 2),
        load_integer(values, i + 3),
        load_integer(values, i + 4),
    )


@njit(**INLINE)
def row_of(panel, group, batch, channel):  # type: ignore[no-untyped-def]
    """The address of the panel's first step, from ``channel`` on."""
    return panel.data + 4 * (group * panel.group + batch * panel.batch + channel * panel.lane)
