"""FLOPs of a LocalVim: the terms of the table in ``scansearch.models.flop_formulas``."""

from __future__ import annotations

from collections.abc import Sequence

from scansearch.models.dense_size import dense_flops
from scansearch.models.flop_formulas import Flops, Formula, LayerFlops
from scansearch.models.local_vim.options import LocalVimOptions
from scansearch.scans import ScanOrder
from scansearch.shape import ImageShape, Size


def count_flops(
    options: LocalVimOptions, formula: Formula, directions: Sequence[Sequence[str]], shape: ImageShape
) -> Flops:
    """FLOPs of one image, of each layer without directions and of each of these directions in it."""
    count = _Count(options, formula, options.grid(shape.size))
    patch_values = shape.channels * options.patch(shape.size) ** 2
    head = count.head(shape)
    return Flops(count.fixed(patch_values) + head, tuple(count.layer(names) for names in directions))


class _Count:
    def __init__(self, options: LocalVimOptions, formula: Formula, grid: Size) -> None:
        self.options, self.formula, self.grid = options, formula, grid
        self.patches = grid[0] * grid[1]
        self.class_tokens = int(options.class_token == "middle")
        self.tokens = self.patches + self.class_tokens

    def head(self, shape: ImageShape) -> int:
        """What makes classes of the last tokens."""
        width = self.options.embed_dim
        return dense_flops([width], [self.grid], self.formula, shape) if shape.dense else width * shape.classes

    def fixed(self, patch_values: int) -> int:
        """Patch embedding and last norm."""
        width = self.options.embed_dim
        norm = self.formula.other_norms * width * self.tokens
        return patch_values * width * self.patches + norm

    def layer(self, names: Sequence[str]) -> LayerFlops:
        width, inner = self.options.embed_dim, self.options.inner
        base = (3 * inner + self.formula.block_norm) * width * self.tokens  # in_proj, out_proj, norm
        if not self.formula.each:
            base += self._projections(self.tokens) + self._attention()
        return LayerFlops(base, {name: self._direction(name) for name in names})

    def _direction(self, name: str) -> int:
        steps = self._steps(name)
        scan = (self.formula.scan * self.options.d_state + 2) * self.options.inner * steps
        return scan + (self._projections(steps) + self._attention() if self.formula.each else 0)

    def _projections(self, steps: int) -> int:
        options = self.options
        convolution = options.inner * options.d_conv * (steps + options.d_conv - 1)
        return convolution + (2 * options.rank + 2 * options.d_state) * options.inner * steps

    def _attention(self) -> int:
        options = self.options
        if options.attention == "none":
            return 0
        reduced = max(1, options.inner // options.reduction)
        spatial = (options.inner + 2) * reduced * self.tokens if options.attention == "channel_spatial" else 0
        return 2 * options.inner * reduced + spatial + self.formula.other_norms * options.inner * self.tokens

    def _steps(self, name: str) -> int:
        padded = self.options.windows == "padded"
        return (len(ScanOrder(name).indices(*self.grid, padded=True)) if padded else self.patches) + self.class_tokens
