"""FLOPs of today's VMamba: the terms of the table in ``scansearch.models.flop_formulas``."""

from __future__ import annotations

from scansearch.models.local_vmamba.flops import LocalVMambaFlops
from scansearch.models.vmamba.options import VMambaOptions

TAPS = 9  # of a convolution of 3 x 3


class VMambaFlops(LocalVMambaFlops):
    """Counts one image; the arguments are those of ``LocalVMambaFlops``."""

    options: VMambaOptions

    def stem(self) -> int:
        """Two convolutions and their norms."""
        width, (rows, columns) = self.options.embed_dim, self.options.halfway(self.shape.size)
        norm = self.formula.other_norms
        first = (TAPS * self.shape.channels + norm) * (width // 2) * rows * columns
        return first + (TAPS * (width // 2) + norm) * width * self.tokens(0)

    def downsample(self, stage: int) -> int:
        """A convolution and its norm."""
        width = self.options.widths[stage]
        return (TAPS * width + self.formula.other_norms) * 2 * width * self.tokens(stage + 1)

    def base(self, width: int, tokens: int) -> int:
        """Norms, maps in and out, the convolution and the MLP; there is no gate."""
        inner = self.options.inner_of(width)
        mlp = (2 * self.options.mlp_ratio * width + self.formula.block_norm) * width
        return super().base(width, tokens) + (mlp - inner * width) * tokens
