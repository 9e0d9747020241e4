"""Whether a search fits into the memory of its device, and which setting would."""

from __future__ import annotations

import math
from typing import NamedTuple

from scansearch.data.splits import TensorSplit
from scansearch.machine.memory import device_memory
from scansearch.runs.config import RunConfig
from scansearch.searching.footprint import Footprint
from scansearch.searching.search_parts import Parts
from scansearch.training.processes import Processes

PROCESS = 800 << 20
"""Bytes of a process that has loaded all that a search needs, before its network."""
AFTER = 100 << 20
"""Bytes that its end loads on top of that: exports, figures."""
PIECES, PIECES_SHARE = 30 << 20, 0.12
"""What the C library holds beyond the tensors that live, in pieces too small to be used again: `python -m benchmarks estimate`."""
ROOM = 0.8
"""Share of a device's memory that a search may fill."""
ERROR = 0.15
"""How far an estimate may be from what is measured."""


class Device(NamedTuple):
    """The memory of what a search runs on.

    Args:
        kind: As torch calls it.
        total: Bytes that it has; 0: not known.
        sharing: Processes of the search that share it.
        base: Bytes of each of them before its network.
    """

    kind: str
    total: int
    sharing: int
    base: int

    def needs(self, live: int) -> int:
        """Bytes of all processes where each has tensors of so many."""
        if self.kind == "cuda":
            return live
        return self.sharing * (self.base + live + PIECES + round(PIECES_SHARE * live))

    def fits(self, live: int, room: float = ROOM) -> bool:
        """Whether that is within a share of the memory."""
        return not self.total or self.needs(live) <= room * self.total

    @property
    def room(self) -> float:
        """Bytes of the tensors of a process for which the whole memory is just enough."""
        if not self.total or self.kind == "cuda":
            return self.total or math.inf
        return max(0.0, self.total / self.sharing - self.base - PIECES) / (1 + PIECES_SHARE)

    def fails(self, live: int) -> bool:
        """Whether that is too much, however the estimate errs."""
        return not self.fits(round((1 - ERROR) * live), 1.0)


def device_of(parts: Parts, config: RunConfig) -> Device:
    """The device of a search, with the images in its base if they lie in memory. All of its processes must call it.

    Of several nodes it is the one with the least memory: what follows from it must be the same in all processes.
    """
    device = parts.fabric.device
    splits = (parts.data.train, parts.data.validation)
    images = sum(s.images.nbytes for s in splits if isinstance(s, TensorSplit))
    total = min(filter(None, Processes(parts.fabric).gather(device_memory(device))), default=0)
    return Device(device.type, total, config.machine.devices, PROCESS + images)


def batch_of(parts: Parts, config: RunConfig) -> int:
    """Images in a step, over all processes: the settings' or all there are."""
    return min(config.train.batch_size, len(parts.data.train))


def too_much(device: Device, found: dict[str, Footprint], batch: int, processes: int) -> str:
    """Which setting would fit where a search does not, one line.

    Args:
        device: Where it runs.
        found: What it holds, by the way in which it runs the directions; as it is now first.
        batch: Images in a step, over all processes.
        processes: How many these are.
    """
    now = next(iter(found.values())).bytes_at(batch // processes)
    says = (
        f"this search needs about {gigabytes(device.needs(now))}, but the {device.kind} has {gigabytes(device.total)}"
    )
    for mixture, other in found.items():
        if device.fits(other.bytes_at(batch // processes)):
            return f"{says}; use --set mixture={mixture}, with which it needs about {_needs(device, other, batch, processes)}"
    mixture, least = list(found.items())[-1]
    while batch >= 2 * processes and not device.fits(least.bytes_at(batch // processes)):
        batch = batch // (2 * processes) * processes
    if not device.fits(0, 1.0):
        return f"{says}, which is too little for what comes before any network; {_where(device)}"
    if not device.fits(least.bytes_at(batch // processes)):
        return f"{says}, and even a batch of {batch} does not fit; take a smaller model, larger patches or fewer candidates"
    way = "" if len(found) == 1 else f" --set mixture={mixture}"
    return f"{says}; use --batch-size {batch}{way}, with which it needs about {_needs(device, least, batch, processes)}"


def _where(device: Device) -> str:
    each = gigabytes(device._replace(sharing=1).needs(0))
    if device.sharing > 1:
        return f"each of {device.sharing} processes takes about {each}: use fewer --devices"
    return f"a process takes about {each}: take a machine, or a limit, with more"


def _needs(device: Device, found: Footprint, batch: int, processes: int) -> str:
    return gigabytes(device.needs(found.bytes_at(batch // processes)))


def gigabytes(size: int) -> str:
    """A size in GB of 2^30 bytes, as messages have it."""
    return f"{size / 2**30:,.2g} GB" if size < 10 << 30 else f"{size / 2**30:,.0f} GB"
