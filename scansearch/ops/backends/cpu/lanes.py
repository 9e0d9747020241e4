"""How many channels a vector holds."""

from __future__ import annotations

import llvmlite.binding

FEW = 8
"""So many channels, or fewer, get vectors of as many lanes: for wider ones, every tensor would be filled up with zeros and cut again."""


def _host_lanes() -> int:
    # Measured: two registers of AVX-512, one of AVX2; narrower ones keep eight lanes and let LLVM split them.
    features = llvmlite.binding.get_host_cpu_features()
    return 16 if features.get("avx512f") else 8


LANES = _host_lanes()
"""Channels that a vector holds on this processor, where there are more than ``FEW``."""


def lanes_for(channels: int) -> int:
    """Lanes of the vectors that hold ``channels``; of whole vectors the same as of the channels in them."""
    return FEW if channels <= FEW else LANES


def blocks_of(channels: int) -> int:
    """Vectors that hold ``channels``."""
    return -(-channels // lanes_for(channels))


def width_of(channels: int) -> int:
    """Channels of whole vectors that hold ``channels``."""
    return blocks_of(channels) * lanes_for(channels)
