"""The kernels of the cpu backend on vectors of 8 and of 16 lanes, on any processor: values and gradients against float64."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from comparison import LEAST, assert_close
from scan_inputs import scan, scan_inputs

from scansearch import ops
from scansearch.ops.backends.cpu import lanes
from scansearch.ops.backends.cpu.panel import whole_vectors

CHANNELS = range(1, 41)
GROUPS, BATCH, TOKENS = 2, 2, 5
ORDER = torch.stack([torch.arange(TOKENS).flip(0), torch.tensor([2, 0, 4, 1, 3])])


def apart(*shape):
    """Random numbers of which no two neighbouring channels are close: the norm of few would magnify rounding."""
    return 0.3 * torch.randn(shape) + torch.arange(shape[-1]) % 5


def visit(x, weight, bias, backend):
    return ops.reorder_conv_silu(x, ORDER, weight, bias, backend=backend)


def gate(y, z, backend):
    return ops.restore_gate(y, z, ORDER, ORDER.argsort(1), backend=backend)


def read(x, weight, backend):
    x, pooled, reduced = ops.norm_reduce(x, weight, backend=backend)
    return torch.cat([t.flatten() for t in (x * x, pooled, reduced)])


def weigh(x, channel, token, backend):
    return ops.weigh(x, channel, token, backend=backend)


def mix(branches, weights, backend):
    return ops.mixture(branches, weights, backend=backend)


def mix_weighed(x, channel, token, weights, backend):
    return ops.weighed_mixture(x, channel, token, weights, backend=backend)


def cases(channels):
    """Each operation on so many channels; the scan takes a step more than a chunk, with ragged states."""
    panel = (GROUPS, BATCH, TOKENS)
    torch.manual_seed(channels)
    yield scan, scan_inputs(GROUPS, 1, 33, channels, 5)
    yield (
        visit,
        [torch.randn(BATCH, TOKENS, channels), torch.randn(GROUPS, channels, 3), torch.randn(GROUPS, channels)],
    )
    yield gate, [torch.randn(*panel, channels), torch.randn(BATCH, TOKENS, channels)]
    yield read, [apart(*panel, channels), torch.randn(3, channels)]
    yield weigh, [torch.randn(*panel, channels), torch.randn(*panel[:2], channels), torch.randn(panel)]
    yield mix, [apart(*panel, channels), torch.randn(GROUPS)]
    # Weights of channels that change little from one to the next leave their neighbours apart.
    near = 1 + 0.1 * torch.rand(*panel[:2], channels)
    yield mix_weighed, [apart(*panel, channels), near, torch.rand(panel) + 0.5, torch.randn(GROUPS)]


@pytest.mark.parametrize("count", [8, 16])
def test_values_and_gradients(count, monkeypatch):
    monkeypatch.setattr(lanes, "FEW", 0)
    monkeypatch.setattr(lanes, "LANES", count)
    for channels in CHANNELS:
        for operation, tensors in cases(channels):
            assert_close(operation, tensors, "cpu", tolerance=1e-5, least=LEAST)


def test_few_channels_get_eight_lanes_on_every_processor(monkeypatch):
    for widest in (8, 16):
        monkeypatch.setattr(lanes, "LANES", widest)
        assert [lanes.lanes_for(channels) for channels in (1, 7, 8)] == [8, 8, 8]
        assert [lanes.lanes_for(channels) for channels in (9, 16, 24, 100)] == [widest] * 4
    assert [lanes.width_of(channels) for channels in (1, 8, 9, 16, 17, 24)] == [8, 8, 16, 16, 32, 32]


def test_eight_channels_are_not_copied():
    tokens = torch.randn(2, 3, 32)[..., 8:16]
    assert whole_vectors(tokens).data_ptr() == tokens.data_ptr()
