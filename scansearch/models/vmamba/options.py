"""Options of today's VMamba, and what follows from them for images of some size."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from scansearch.models.local_vmamba.options import LocalVMambaOptions
from scansearch.shape import Size

STRIDES = {1: (1, 1), 2: (2, 1), 4: (2, 2)}
"""Steps of the two convolutions that make tokens of so many pixels' side."""


class VMambaOptions(LocalVMambaOptions):
    """Every option of today's VMamba."""

    embed_dim: int = Field(
        96, ge=2, le=2**12, description="Width E of the first stage; every further one is twice as wide."
    )
    d_state: int = Field(1, ge=1, le=2**10, description="States N of each channel.")
    attention: Literal["channel", "channel_spatial", "none"] = Field(
        "none",
        description="SCAttn of LocalMamba, which VMamba has not: channel as released, channel_spatial as in the paper.",
    )
    patch_size: Literal[1, 2, 4, "auto"] = Field(
        "auto",
        description="Pixels from token to token. auto: the smallest of 1, 2 and 4 that gives at most 256 tokens, or 4.",
    )
    mlp_ratio: int = Field(4, ge=1, le=64, description="Width of the MLP of a layer, in widths of the layer.")

    def strides(self, size: Size) -> tuple[int, int]:
        """Steps of the two convolutions that make the tokens, for images of (height, width)."""
        return STRIDES[self.patch(size)]

    def halfway(self, size: Size) -> Size:
        """Rows and columns between the two convolutions."""
        stride = self.strides(size)[0]
        return -(-size[0] // stride), -(-size[1] // stride)

    def _first_grid(self, size: Size) -> Size:
        (rows, columns), stride = self.halfway(size), self.strides(size)[1]
        return -(-rows // stride), -(-columns // stride)
