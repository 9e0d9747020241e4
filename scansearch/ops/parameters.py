"""What the directions of a layer are made of: stacked tensors, one row a direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch


class Orders(NamedTuple):
    """The visiting orders of G directions.

    Attributes:
        order: int64 (G, L'), the token at each position, each token once; -1 for a zero token.
        inverse: int64 (G, L), the position of each token.
    """

    order: torch.Tensor
    inverse: torch.Tensor


class BranchParameters(NamedTuple):
    """The parameters of G directions, with D channels, N states, step sizes of rank R and K taps.

    Attributes:
        A_log: Logarithm of minus the state matrix (G, D, N).
        D: Skip connection (G, D).
        x_proj_weight: From channels to step sizes, input maps and output maps (G, R + 2N, D).
        dt_proj_weight: From the rank to the channels' step sizes (G, D, R).
        dt_proj_bias: Added to the step sizes before softplus (G, D).
        conv_weight: Taps of the causal convolution (G, D, K), the last one for the token itself; ``None`` where none belongs
            to the directions, as in LocalVMamba.
        conv_bias: (G, D), or ``None`` with ``conv_weight``.
    """

    A_log: torch.Tensor
    D: torch.Tensor
    x_proj_weight: torch.Tensor
    dt_proj_weight: torch.Tensor
    dt_proj_bias: torch.Tensor
    conv_weight: torch.Tensor | None = None
    conv_bias: torch.Tensor | None = None

    def select(self, indices: torch.Tensor | slice) -> BranchParameters:
        """The rows of some directions, in this order.

        Args:
            indices: int64 (k,), or a slice, which copies nothing.
        """
        if isinstance(indices, slice):
            return self._each(lambda tensor: tensor[indices])
        return self._each(lambda tensor: tensor.index_select(0, indices))

    def channels(self, block: slice) -> BranchParameters:
        """The parameters of a block of channels; views."""
        cut = self._each(lambda tensor: tensor[:, block])
        return cut._replace(x_proj_weight=self.x_proj_weight[..., block])

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> BranchParameters:
        changed: Any = (None if tensor is None else change(tensor) for tensor in self)
        return BranchParameters(*changed)
