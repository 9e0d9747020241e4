"""FLOPs of a LocalVMamba: the terms of the table in ``scansearch.models.flop_formulas``."""

from __future__ import annotations

from collections.abc import Sequence

from scansearch.models.dense_size import dense_flops
from scansearch.models.flop_formulas import Flops, Formula, LayerFlops
from scansearch.models.local_vmamba.options import LocalVMambaOptions
from scansearch.scans import ScanOrder
from scansearch.shape import ImageShape, Size


class LocalVMambaFlops:
    """Counts one image.

    Args:
        options: Of the model.
        formula: How FLOPs are counted.
        shape: The images and the classes.
    """

    def __init__(self, options: LocalVMambaOptions, formula: Formula, shape: ImageShape) -> None:
        self.options, self.formula, self.shape = options, formula, shape
        self.grids = options.grids(shape.size)

    def count(self, directions: Sequence[Sequence[str]]) -> Flops:
        """FLOPs of each layer without directions and of each of these directions in it, and of what is outside."""
        stages = [stage for stage, depth in enumerate(self.options.depths) for _ in range(depth)]
        layers = [self.layer(stage, names) for stage, names in zip(stages, directions, strict=True)]
        between = sum(self.downsample(stage) for stage in range(len(self.grids) - 1))
        return Flops(self.stem() + between + self.head(), tuple(layers))

    def stem(self) -> int:
        """Patches and their norm."""
        patch = self.options.patch(self.shape.size)
        values = self.shape.channels * patch * patch + self.formula.other_norms
        return values * self.options.embed_dim * self.tokens(0)

    def downsample(self, stage: int) -> int:
        """From a stage to the next."""
        width = self.options.widths[stage]
        return (2 * width + self.formula.other_norms) * 4 * width * self.tokens(stage + 1)

    def head(self) -> int:
        """Last norm, mean and head, or the head for classes of pixels."""
        if self.shape.dense:
            return dense_flops(self.options.widths, self.grids, self.formula, self.shape)
        width = self.options.widths[-1]
        each = self.formula.other_norms + self.formula.pooling
        return each * width * self.tokens(-1) + width * self.shape.classes

    def layer(self, stage: int, names: Sequence[str]) -> LayerFlops:
        """A layer; padded sequences are all as long as its longest."""
        width, tokens, steps = self.options.widths[stage], self.tokens(stage), self._steps(self.grids[stage], names)
        base, once = self.base(width, tokens), self._projections(width, steps) + self._attention(width, tokens)
        inner = self.options.inner_of(width)
        one = (self.formula.scan * self.options.d_state + 1) * inner * steps
        if self.formula.each:
            return LayerFlops(base, dict.fromkeys(names, one + once))
        return LayerFlops(base + once, dict.fromkeys(names, one))

    def base(self, width: int, tokens: int) -> int:
        """Norms, maps in and out, and the convolution."""
        inner = self.options.inner_of(width)
        norms = self.formula.block_norm * width + self.formula.other_norms * inner
        return (norms + 3 * inner * width + 9 * inner) * tokens

    def tokens(self, stage: int) -> int:
        """Tokens L of a stage."""
        rows, columns = self.grids[stage]
        return rows * columns

    def _projections(self, width: int, steps: int) -> int:
        return (2 * self.options.rank_of(width) + 2 * self.options.d_state) * self.options.inner_of(width) * steps

    def _attention(self, width: int, tokens: int) -> int:
        if self.options.attention == "none":
            return 0
        inner = self.options.inner_of(width)
        reduced = max(1, inner // self.options.reduction)
        spatial = (inner + 2) * reduced * tokens if self.options.attention == "channel_spatial" else 0
        return 2 * inner * reduced + spatial + self.formula.other_norms * inner * tokens

    def _steps(self, grid: Size, names: Sequence[str]) -> int:
        padded = self.options.windows == "padded"
        return max(len(ScanOrder(name).indices(*grid, padded=padded)) for name in names)
