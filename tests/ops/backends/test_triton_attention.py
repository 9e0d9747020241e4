"""The kernels of SCAttn for a GPU, in Triton's interpreter: what it reads off a branch, and the weights that it gives."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from comparison import LEAST, assert_close, outcome

from scansearch import ops
from scansearch.ops.backends.triton.triton_backend import TRITON

pytest.importorskip("triton")

SHAPES = {
    "one of each": (1, 1, 1, 1),
    "ragged": (2, 3, 35, 21),
    "whole tiles": (1, 2, 64, 64),
    "one token": (2, 1, 1, 40),
}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def drawn(*shapes):
    torch.manual_seed(0)
    return [torch.randn(shape) for shape in shapes]


def weigh(*tensors, backend):
    return ops.weigh(*tensors, backend=backend)


def mix_weighed(*tensors, backend):
    return ops.weighed_mixture(*tensors, backend=backend)


def read(x, weight, backend):
    """All that is read, and x itself, which is handed through."""
    x, pooled, reduced = ops.norm_reduce(x, weight, backend=backend)
    return torch.cat([t.flatten() for t in (x * x, pooled, reduced)])


@shapes
def test_weights_on_shapes(shape):
    assert_close(weigh, drawn(shape, (*shape[:2], shape[3]), shape[:3]), "triton", tolerance=5e-6, least=LEAST)
    assert_close(weigh, drawn(shape, (*shape[:2], shape[3])), "triton", tolerance=5e-6, least=LEAST)


@shapes
def test_the_mixture_of_what_is_weighed(shape, monkeypatch):
    monkeypatch.setattr(type(TRITON), "weigh", lambda *given: pytest.fail("written"))
    x, channel, token, weights = drawn(shape, (*shape[:2], shape[3]), shape[:3], shape[:1])
    for x_, token_ in ((x, token), (x, None), (3e-3 * x, token)):  # of small numbers the variance is that of eps
        assert_close(mix_weighed, [x_, channel, token_, weights], "triton", tolerance=2e-5)


def test_the_mixture_of_what_is_weighed_in_chunks_of_rows():
    shapes = [(2, 2, 150, 20), (2, 2, 20), (2, 2, 150), (2,)]
    assert_close(mix_weighed, drawn(*shapes), "triton", tolerance=5e-6)


@pytest.mark.parametrize("rows", [0, 1, 17])
@shapes
def test_reading_on_shapes(shape, rows):
    assert_close(read, drawn(shape, (rows, shape[3])), "triton", tolerance=2e-5, least=LEAST)


@pytest.mark.parametrize("place", [1, 2])
def test_reading_where_nothing_flows_back_from_elsewhere(place):
    def one(x, weight, backend):
        return ops.norm_reduce(x, weight, backend=backend)[place] + 0 * weight.sum()

    assert_close(one, drawn((2, 2, 19, 20), (5, 20)), "triton", tolerance=2e-5, least=LEAST)


def test_a_mean_far_from_zero_costs_no_digits():
    x, weight = drawn((1, 2, 20, 33), (3, 33))
    assert_close(read, [x.round(decimals=2) + 1000, weight], "triton", tolerance=2e-4, least=LEAST)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    for operation, tensors in (
        (weigh, drawn((2, 1, 19, 20), (2, 1, 20), (2, 1, 19))),
        (read, drawn((2, 1, 19, 20), (5, 20))),
        (mix_weighed, drawn((2, 1, 19, 20), (2, 1, 20), (2, 1, 19), (2,))),
    ):
        rounded = [t.to(dtype) for t in tensors]
        wanted = outcome(operation, rounded, "reference", torch.float64)
        for a, b in zip(outcome(operation, rounded, "triton", dtype), wanted, strict=True):
            assert a.dtype == dtype
            assert float((a.double() - b).abs().max() / b.abs().max()) < 8 * torch.finfo(dtype).eps


def test_types_are_those_of_plain_torch():
    x, weight, channel, token = drawn((1, 1, 5, 8), (3, 8), (1, 1, 8), (1, 1, 5))
    for a, b in ((x.bfloat16(), weight), (x, weight.bfloat16()), (x.half(), weight.half())):
        types = [[t.dtype for t in ops.norm_reduce(a, b, backend=name)] for name in ("triton", "torch")]
        assert types[0] == types[1]
    half = x.bfloat16(), channel, token.bfloat16()
    for operation, more in ((weigh, ()), (mix_weighed, (torch.ones(1),))):
        assert {operation(*half, *more, backend=name).dtype for name in ("triton", "torch")} == {torch.float32}


def test_limits():
    one = torch.zeros(1, 1, 1, 1)
    assert TRITON.supports("norm_reduce", one, torch.zeros(129, 1)) == "its maps have up to 128 rows, but got 129"
    assert TRITON.supports("norm_reduce", one, torch.zeros(128, 1)) is None
    wide = "it normalises up to 4096 channels, but got 4097"
    assert [TRITON.supports(op, one.expand(1, 1, 1, 4097)) for op in ("mixture", "weighed_mixture")] == [wide] * 2
