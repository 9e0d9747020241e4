import pytest
import torch
from comparison import LEAST, assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from scansearch.errors import ScansearchError
from scansearch.ops import reorder_conv_silu, restore_gate, restore_order
from scansearch.scans import invert

FAST = ["torch", "cpu"]


def orders(groups, tokens, padding):
    rows = [torch.cat([torch.arange(tokens), torch.full((padding,), -1)]) for _ in range(groups)]
    order = torch.stack([row[torch.randperm(len(row))] for row in rows])
    return order, torch.stack([invert(row, tokens) for row in order])


SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 40), st.integers(1, 35), st.integers(0, 5))


@pytest.mark.parametrize("backend", FAST)
@settings(max_examples=25, deadline=None)
@given(shape=SHAPES, taps=st.integers(1, 4), seed=st.integers(0, 2**16))
def test_reorder_conv_silu(backend, shape, taps, seed):
    groups, batch, tokens, channels, padding = shape
    torch.manual_seed(seed)
    order, _ = orders(groups, tokens, padding)

    def operation(x, weight, bias, backend):
        return reorder_conv_silu(x, order, weight, bias, backend=backend)

    tensors = [torch.randn(batch, tokens, channels), torch.randn(groups, channels, taps), torch.randn(groups, channels)]
    assert_close(operation, tensors, backend, least=LEAST)


@pytest.mark.parametrize("backend", FAST)
@settings(max_examples=25, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 2**16))
def test_restore_gate_and_restore_order(backend, shape, seed):
    groups, batch, tokens, channels, padding = shape
    torch.manual_seed(seed)
    order, inverse = orders(groups, tokens, padding)
    y, z = torch.randn(groups, batch, tokens + padding, channels), torch.randn(batch, tokens, channels)
    assert_close(
        lambda y, z, backend: restore_gate(y, z, order, inverse, backend=backend), [y, z], backend, least=LEAST
    )
    assert_close(lambda y, backend: restore_order(y, order, inverse, backend=backend), [y], backend, least=LEAST)


@pytest.mark.parametrize("backend", FAST)
def test_halves_of_a_projection_are_read_where_they_lie(backend):
    torch.manual_seed(0)
    order, inverse = orders(2, 9, 0)
    x, z = torch.randn(3, 9, 40).chunk(2, dim=-1)
    weight, bias = torch.randn(2, 20, 4), torch.randn(2, 20)
    y = reorder_conv_silu(x, order, weight, bias, backend=backend)
    assert torch.allclose(y, reorder_conv_silu(x.clone(), order, weight, bias, backend=backend), atol=1e-6)
    gated = restore_gate(y, z, order, inverse, backend=backend)
    assert torch.allclose(gated, restore_gate(y, z.clone(), order, inverse, backend=backend), atol=1e-6)


def test_order_without_convolution_is_the_visiting_order():
    order, inverse = orders(2, 9, 0)
    x = torch.randn(3, 9, 4)
    visited = x[:, order].transpose(0, 1)
    assert torch.equal(restore_order(visited, order, inverse), x.expand(2, -1, -1, -1))


def test_more_than_four_taps():
    order, _ = orders(1, 6, 0)
    tensors = [torch.randn(1, 6, 5), torch.randn(1, 5, 7), torch.randn(1, 5)]

    def operation(x, weight, bias, backend):
        return reorder_conv_silu(x, order, weight, bias, backend=backend)

    assert_close(operation, tensors, "auto")
    with pytest.warns(
        UserWarning, match="'cpu' leaves reorder_conv_silu to 'torch': it convolves up to 4 taps, but got 7"
    ):
        assert torch.equal(operation(*tensors, backend="cpu"), operation(*tensors, backend="torch"))


def test_orders_must_be_integers():
    with pytest.raises(ScansearchError, match="order must hold int64, but got torch.int32"):
        reorder_conv_silu(
            torch.zeros(1, 2, 3), torch.zeros(1, 2, dtype=torch.int32), torch.zeros(1, 3, 4), torch.zeros(1, 3)
        )
