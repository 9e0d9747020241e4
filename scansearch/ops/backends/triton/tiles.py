"""How large the tiles of the kernels are: by the shape alone, so that the same search gives the same numbers every time."""

from __future__ import annotations

from typing import NamedTuple

MOST_STEPS, MOST_CHANNELS, LEAST_CHANNELS = 32, 32, 16
CHANNELS_A_WARP = 8
"""Of a tile, each shared by four threads. Compiled for sm_90, a warp of 32 keeps a part of the backward pass of the scan outside of its
registers (1.4 KB a thread); a warp of 8 keeps none."""
LEAST_DOT = 16
"""Rows and columns of the smallest product of matrices."""
LONG, FULL, LEAST_SPAN = 512, 1024, 4
"""Steps of a long sequence; programs that fill a GPU, about eight on each of its multiprocessors, for they take nearly all registers;
tiles of the shortest chunk. None of these has been measured on a GPU yet: `make gpu-check` times both ways."""


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
        return {"STEPS": self.steps, "CHANNELS": self.channels, "num_warps": max(1, self.channels // CHANNELS_A_WARP)}

    def span(self, length: int, programs: int) -> int:
        """Tiles of a chunk: all of them, unless the sequence is long and its programs leave half of a GPU idle, or more."""
        tiles, chunks = self.count(length), FULL // max(1, programs)
        return max(LEAST_SPAN, -(-tiles // chunks)) if length >= LONG and chunks > 1 else max(1, tiles)


def power_of_two(least: int) -> int:
    """The smallest power of two that is no smaller."""
    return 1 << max(0, least - 1).bit_length()
