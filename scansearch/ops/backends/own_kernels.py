"""What backends with kernels of their own share: an operation is a call of an operator, whatever computes it."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from scansearch.ops.backends.base import Backend
from scansearch.ops.operator import Operator
from scansearch.ops.shapes import ScanInputs

Tensor = torch.Tensor


class OwnKernels(Backend):
    """A backend with kernels for all operations of a layer; how it scans and restores the order is its own.

    Attributes:
        visiting: Of x, weight, bias and order.
        reading: Of x and weight.
        weighing: Of x, channel and token.
        mixing: Of branches and weights.
        mixing_weighed: Of x, channel, token and weights.
    """

    visiting: Operator
    reading: Operator
    weighing: Operator
    mixing: Operator
    mixing_weighed: Operator

    def reorder_conv_silu(self, x: Tensor, order: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """See ``scansearch.ops.reorder_conv_silu``."""
        result: Tensor = self.visiting(x, weight, bias, order)
        return result

    def norm_reduce(self, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See ``scansearch.ops.norm_reduce``."""
        result: tuple[Tensor, Tensor, Tensor] = self.reading(x, weight)
        return result

    def weigh(self, x: Tensor, channel: Tensor, token: Tensor | None) -> Tensor:
        """See ``scansearch.ops.weigh``. Without weights of tokens these are one, a single number that is read for all."""
        result: Tensor = self.weighing(x, channel, _of_tokens(x, channel, token))
        return result

    def mixture(self, branches: Tensor, weights: Tensor) -> Tensor:
        """See ``scansearch.ops.mixture``."""
        result: Tensor = self.mixing(branches, weights)
        return result

    def weighed_mixture(self, x: Tensor, channel: Tensor, token: Tensor | None, weights: Tensor) -> Tensor:
        """See ``scansearch.ops.weighed_mixture``. The weighed branches are never written: the backward pass weighs them again."""
        result: Tensor = self.mixing_weighed(x, channel, _of_tokens(x, channel, token), weights)
        return result


def _of_tokens(x: Tensor, channel: Tensor, token: Tensor | None) -> Tensor:
    return channel.new_ones(()).expand(x.shape[:3]) if token is None else token


def scanned(inputs: ScanInputs) -> tuple[Tensor, ...]:
    """What a scan's operator is given: u, delta, A, B, C, D and the bias, zeros where there is none."""
    zeros = inputs.A.new_zeros(inputs.A.shape[:2])
    u, delta, A, B, C, D, _, bias = inputs
    return u, delta, A, B, C, zeros if D is None else D, zeros if bias is None else bias


def gated(y: Tensor, z: Tensor | None) -> Tensor:
    """A scan's result times SiLU of its gate, if it has one."""
    return y if z is None else y * F.silu(z)
