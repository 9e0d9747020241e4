"""Handing tensors to a kernel: a panel is an address and four strides, and a kernel's values are sizes, then panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from numba import njit
from torch.nn import functional as F

from scansearch.ops.backends.cpu.lanes import lanes_for, width_of
from scansearch.ops.backends.cpu.machine import load_address, load_integer

compiled: Callable[..., Any] = njit(boundscheck=False, error_model="numpy")
"""Makes a function a part of kernels."""

inlined: Callable[..., Any] = njit(boundscheck=False, error_model="numpy", forceinline=True)
"""The same for small functions, which disappear into their callers."""

_HEADER = 11  # ticket, tasks, and the Sizes


class Panel(NamedTuple):
    """A tensor (G, B, L, X) inside a kernel: ``data`` is an Address, the strides count elements and are 0 without a tensor."""

    data: int
    group: int
    batch: int
    step: int
    lane: int


class Sizes(NamedTuple):
    """What a kernel must know beside its panels; what one does not use is 0.

    Attributes:
        groups: G.
        batch: B.
        length: L', the steps of a sequence.
        tokens: L, the tokens of an image; fewer than steps where windows are padded.
        channels: D, or whole blocks of them.
        states: N, filled up to a multiple of STATES.
        blocks: Blocks of ``lanes`` channels.
        splits: Tasks that share the blocks of one panel.
        softplus: 1 if step sizes go through softplus.
    """

    groups: int
    batch: int
    length: int
    tokens: int
    channels: int
    states: int
    blocks: int
    splits: int
    softplus: int

    @property
    def lanes(self) -> int:
        """Channels that the kernel works on at once."""
        return lanes_for(self.channels)


def whole_vectors(tensor: torch.Tensor) -> torch.Tensor:
    """``tensor`` with channels next to each other and zeros up to the end of their last block; most need no copy."""
    spare = width_of(tensor.shape[-1]) - tensor.shape[-1]
    if spare:
        return F.pad(tensor, (0, spare))
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def cut(tensor: torch.Tensor, channels: int) -> torch.Tensor:
    """``tensor`` without what ``whole_vectors`` added, contiguous as operators give their results."""
    return tensor if tensor.shape[-1] == channels else tensor[..., :channels].contiguous()


def index_panel(indices: torch.Tensor) -> torch.Tensor:
    """Integers (G, L) as ``index_of`` reads them: (G, 1, 1, L), contiguous."""
    return indices.contiguous()[:, None, None]


def panels_of(tensors: Sequence[torch.Tensor | None]) -> list[int]:
    """The five integers of each 4-d tensor's Panel, in a row; zeros for one that is not there.

    An address keeps nothing alive: whoever hands these to a kernel holds the tensors until it returns.
    """
    panels = [(0, 0, 0, 0, 0) if tensor is None else (tensor.data_ptr(), *tensor.stride()) for tensor in tensors]
    return [value for panel in panels for value in panel]


@inlined
def sizes_of(values):
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
        load_integer(values, 10),
    )


@inlined
def panel_of(values, k):
    """The ``k``-th Panel in a kernel's values."""
    i = _HEADER + 5 * k
    return Panel(
        load_address(values, i),
        load_integer(values, i + 1),
        load_integer(values, i + 2),
        load_integer(values, i + 3),
        load_integer(values, i + 4),
    )


@inlined
def row_of(panel, group, batch, channel):
    """The address of the panel's first step, from ``channel`` on."""
    return panel.data + 4 * (group * panel.group + batch * panel.batch + channel * panel.lane)


@inlined
def index_of(panel, group, i):
    """Integer ``i`` of a group's row in a panel of 64-bit integers (G, 1, 1, L)."""
    return load_integer(panel.data + 8 * group * panel.group, i)
