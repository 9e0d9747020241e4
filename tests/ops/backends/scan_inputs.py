"""A scan for tests of kernels: drawn tensors, and the operation."""

import torch

from scansearch import ops


def scan_inputs(groups, batch, length, channels, states, fastest=8):
    """u, delta, A, B, C, D, z and the bias; rates down to ``-fastest``."""
    torch.manual_seed(0)
    panel, maps = (groups, batch, length, channels), (groups, batch, length, states)
    constants = (groups, channels)
    return [
        torch.randn(panel), torch.randn(panel), -fastest * torch.rand(*constants, states), torch.randn(maps), torch.randn(maps),
        torch.randn(constants), torch.randn(panel), torch.randn(constants),
    ]  # fmt: skip


def scan(*tensors, backend):
    """The selective scan of these."""
    return ops.selective_scan_grouped(*tensors, backend=backend)
