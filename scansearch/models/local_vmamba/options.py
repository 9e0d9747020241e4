"""Options of LocalVMamba, and what follows from them for images of some size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from scansearch.errors import ScansearchError
from scansearch.models.dense_size import dense_parameters
from scansearch.models.mixer_options import BranchOptions
from scansearch.models.size_limits import check_tokens
from scansearch.shape import MAX_SIDE, ImageShape, Size

AUTO_PATCHES = (1, 2, 4)
MAX_AUTO_TOKENS = 256
MAX_STAGES, MAX_STAGE_LAYERS = 8, 1000


class LocalVMambaOptions(BranchOptions):
    """Every option of a LocalVMamba."""

    embed_dim: int = Field(
        96, ge=1, le=2**12, description="Width E of the first stage; every further one is twice as wide."
    )
    depths: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_STAGE_LAYERS)]], Field(min_length=1, max_length=MAX_STAGES)
    ] = Field([2, 2, 9, 2], description="Layers of each stage, for 1 to 8 stages.")
    patch_size: Annotated[int, Field(ge=1, le=MAX_SIDE)] | Literal["auto"] = Field(
        "auto",
        description="Pixels of a patch's side; what is left over at the edge is dropped. auto: the smallest of 1, 2 and 4 that gives "
        "at most 256 tokens, or 4.",
    )
    drop_path: float = Field(0.0, ge=0, lt=1, description="Largest stochastic-depth rate.")

    @property
    def depth(self) -> int:
        """Layers of all stages."""
        return sum(self.depths)

    @property
    def widths(self) -> list[int]:
        """Width E of each stage."""
        return [self.embed_dim * 2**stage for stage in range(len(self.depths))]

    def patch(self, size: Size) -> int:
        """Side of a patch for images of (height, width)."""
        if self.patch_size != "auto":
            return self.patch_size
        few = [patch for patch in AUTO_PATCHES if size[0] * size[1] <= MAX_AUTO_TOKENS * patch * patch]
        return few[0] if few else AUTO_PATCHES[-1]

    def grids(self, size: Size) -> list[Size]:
        """Rows and columns of tokens in each stage for images of (height, width): halved from stage to stage, rounded up.

        Raises:
            ScansearchError: If a patch is larger than the image, or there are too many tokens.
        """
        found = [self._first_grid(size)]
        check_tokens(found[0])
        for _ in self.depths[1:]:
            rows, columns = found[-1]
            found.append((-(-rows // 2), -(-columns // 2)))
        return found

    def parameters(self, directions: Sequence[Sequence[str]], shape: ImageShape) -> int:
        """How many parameters a network of these directions has."""
        widths = [width for width, depth in zip(self.widths, self.depths, strict=True) for _ in range(depth)]
        layers = sum(
            self.layer_parameters(width) + len(names) * self.inner_of(width) * self._one(width)
            for width, names in zip(widths, directions, strict=True)
        )
        between = sum(self.downsample_parameters(width) for width in self.widths[:-1])
        last = self.widths[-1]
        head = dense_parameters(self.widths, shape) if shape.dense else 2 * last + (last + 1) * shape.classes
        return self.stem_parameters(shape) + layers + between + head

    def stem_parameters(self, shape: ImageShape) -> int:
        """Of the patches and their norm."""
        return (shape.channels * self.patch(shape.size) ** 2 + 3) * self.embed_dim

    def downsample_parameters(self, width: int) -> int:
        """Of the way from a stage to the next."""
        return 8 * width * width + 8 * width

    def layer_parameters(self, width: int) -> int:
        """Of a layer without directions: norms, maps in and out, the convolution with its bias, SCAttn."""
        inner = self.inner_of(width)
        return 2 * width + 3 * inner * width + 12 * inner + self.attention_parameters(inner)

    def _one(self, width: int) -> int:
        return 3 * self.d_state + 2 * self.rank_of(width) + 2  # a direction, for each of its channels

    def _first_grid(self, size: Size) -> Size:
        patch = self.patch(size)
        if min(size) < patch:
            raise ScansearchError(
                f"a patch must fit into the image, but {patch} x {patch} pixels do not fit into {size[0]} x {size[1]}; choose a "
                "smaller patch_size, or larger images"
            )
        return size[0] // patch, size[1] // patch
