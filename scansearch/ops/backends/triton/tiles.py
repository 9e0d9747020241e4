"""How large the tiles of the kernels are: by the shape alone, so that the same search gives the same numbers every time."""

from __future__ import annotations

from typing import NamedTuple

MOST_STEPS, MOST_CHANNELS, LEAST_CHANNELS = 32, 32, 16
LANES = 32
"""Threads of a warp."""
LEAST_DOT = 16
"""Rows and columns of the smallest product of matrices."""


class Tile(NamedTuple):
    """A tile of steps and channels.

    Args:
        steps: A power of two.
        channels: Likewise.
    """

    steps: int
    channels: int

    @classmethod
    def of(cls, length: int, width: int) -> Tile:
        """The tile for so many steps and channels; no larger than they are, or the least that a warp can share."""
        steps = min(MOST_STEPS, power_of_two(length))
        return cls(steps, min(MOST_CHANNELS, max(LEAST_CHANNELS, power_of_two(width))))

    def count(self, length: int) -> int:
        """Tiles along the steps."""
        return -(-length // self.steps)

    def blocks(self, width: int) -> int:
        """Tiles along the channels."""
        return -(-width // self.channels)

    @property
    def arguments(self) -> dict[str, int]:
        """What a kernel is told."""
        return {"STEPS": self.steps, "CHANNELS": self.channels, "num_warps": max(1, self.channels // LANES)}


def power_of_two(least: int) -> int:
    """The smallest power of two that is no smaller."""
    return 1 << max(0, least - 1).bit_length()
