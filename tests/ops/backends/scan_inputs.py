"""A scan for tests of kernels: drawn tensors, and the operation."""

import torch

from scansearch import ops
from scansearch.ops.branches import _scan_restored
from scansearch.ops.gather import inverse_of
from scansearch.ops.parameters import Orders
from scansearch.ops.shapes import ScanInputs


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


def restored_inputs(groups, batch, tokens, channels, states, *, extra=0, gated=True):
    """u, delta, A, B, C, D, the bias, z of fewer tokens or none, and a function that scans them and restores the order of tokens.

    ``extra``: positions at which no token stands.
    """
    u, delta, A, B, C, D, _, bias = scan_inputs(groups, batch, tokens + extra, channels, states, fastest=2)
    order = torch.stack([torch.randperm(tokens + extra) for _ in range(groups)])
    order = torch.where(order < tokens, order, -1)
    orders = Orders(order, inverse_of(order, tokens))

    def operation(u, delta, A, B, C, D, bias, z, backend):
        return _scan_restored(ScanInputs(u, delta, A, B, C, D, None, bias), z, orders, backend)

    return [u, delta, A, B, C, D, bias, torch.randn(batch, tokens, channels) if gated else None], operation
