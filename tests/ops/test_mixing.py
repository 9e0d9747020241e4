import pytest
import torch
from comparison import LEAST, assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from scansearch.errors import ScansearchError
from scansearch.ops import mixture, norm_reduce, weigh, weighed_mixture
from scansearch.ops.backends.cpu.backend import CPU
from scansearch.ops.backends.reference import REFERENCE

FAST = ["torch", "cpu"]
SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(1, 20), st.integers(8, 40))


@pytest.mark.parametrize("backend", FAST)
@settings(max_examples=25, deadline=None)
@given(shape=SHAPES, offset=st.floats(-10, 10), seed=st.integers(0, 2**16))
def test_mixture(backend, shape, offset, seed):
    torch.manual_seed(seed)
    # The mean is a multiple of the spread: an unstable variance would show.
    assert_close(mixture, [torch.randn(shape) + offset, torch.randn(shape[0])], backend, tolerance=1e-4, least=LEAST)


@pytest.mark.parametrize("backend", FAST)
def test_mixture_of_equal_channels_is_zero(backend):
    assert float(mixture(torch.full((2, 1, 3, 8), 5.0), torch.ones(2), backend=backend).abs().max()) < 1e-2


@pytest.mark.parametrize("backend", FAST)
@settings(max_examples=25, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 2**16))
def test_weigh(backend, shape, seed):
    torch.manual_seed(seed)
    groups, batch, tokens, channels = shape
    assert_close(
        weigh, [torch.randn(shape), torch.randn(groups, batch, channels), torch.randn(groups, batch, tokens)], backend
    )
    assert_close(weigh, [torch.randn(shape), torch.randn(groups, batch, channels)], backend)


@pytest.mark.parametrize("backend", FAST)
@settings(max_examples=25, deadline=None)
@given(shape=SHAPES, size=st.sampled_from([1, 3e-3]), seed=st.integers(0, 2**16))
def test_weighed_mixture(backend, shape, size, seed):
    torch.manual_seed(seed)
    groups, batch, tokens, channels = shape
    # Of small numbers the variance is that of eps, and the mixture knows how large they are.
    x, weights = size * torch.randn(shape), torch.randn(groups)
    channel = torch.randn(groups, batch, channels)
    for token in (torch.randn(groups, batch, tokens), None):
        assert_close(weighed_mixture, [x, channel, token, weights], backend, tolerance=1e-4, least=LEAST)


def test_the_gradient_of_token_weights_keeps_its_digits():
    """LN takes a factor away again: what is left of the gradient is a hundred-thousandth of the terms of its sum."""
    torch.manual_seed(0)
    tensors = [torch.randn(shape) for shape in [(2, 3, 7, 20), (2, 3, 20), (2, 3, 7), (2,)]]
    tensors[2][0, 0, 0] = 0
    assert_close(weighed_mixture, tensors, "cpu")


def test_weighed_branches_are_never_written(monkeypatch):
    tensors = [torch.ones(shape) for shape in [(2, 1, 3, 8), (2, 1, 8), (2, 1, 3), (2,)]]
    for name in ("weigh", "mixture"):
        monkeypatch.setattr(type(CPU), name, lambda *given: pytest.fail("written"))
    assert weighed_mixture(*tensors).shape == (1, 3, 8)
    x, channel, token, _ = (t.double() for t in tensors)
    torch.testing.assert_close(weighed_mixture(x, channel, token), REFERENCE.weigh(x, channel, token).sum(0))


@pytest.mark.parametrize("backend", FAST)
@settings(max_examples=25, deadline=None)
@given(shape=SHAPES, rows=st.integers(0, 9), seed=st.integers(0, 2**16))
def test_norm_reduce(backend, shape, rows, seed):
    torch.manual_seed(seed)

    def joined(x, weight, backend):
        x, pooled, reduced = norm_reduce(x, weight, backend=backend)
        parts = [x.square(), pooled[:, :, None].sin(), reduced.sin().sum(3, keepdim=True).expand_as(x)]
        return torch.cat(parts, 2) + 0 * weight.sum()

    assert_close(joined, [torch.randn(shape), torch.randn(rows, shape[3])], backend, tolerance=1e-5, least=LEAST)


def test_norm_reduce_with_a_map_too_large_for_the_kernel():
    torch.manual_seed(0)
    x, weight = torch.randn(2, 2, 5, 100), torch.randn(48, 100)
    with pytest.warns(
        UserWarning, match="'cpu' leaves norm_reduce to 'torch': its maps have up to 4096 weights, but got 4800"
    ):
        assert_close(lambda x, weight, backend: norm_reduce(x, weight, backend=backend)[2], [x, weight], "cpu")
    for a, b in zip(norm_reduce(x, weight), norm_reduce(x, weight, backend="torch"), strict=True):
        assert torch.equal(a, b)


def test_branches_one_by_one_and_of_another_shape():
    torch.manual_seed(0)
    branches, weights = torch.randn(3, 2, 5, 8, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    want = mixture(branches, weights)
    torch.testing.assert_close(mixture(iter(branches), weights), want)
    torch.testing.assert_close(mixture(list(branches)), mixture(branches))
    torch.testing.assert_close(mixture(branches.flatten(1, 2), weights), want.flatten(0, 1))
    with pytest.raises(ScansearchError, match="needs at least one branch"):
        mixture([])


def test_shapes_are_checked():
    with pytest.raises(ScansearchError, match=r"weights must be \(G\) = \(3,\), but got \(2,\)"):
        mixture(torch.zeros(3, 1, 1, 4), torch.zeros(2))
    with pytest.raises(ScansearchError, match=r"token must be \(G, B, L\)"):
        weigh(torch.zeros(3, 1, 2, 4), torch.zeros(3, 1, 4), torch.zeros(3, 1, 1))
    with pytest.raises(ScansearchError, match=r"weights must be \(G\) = \(3,\), but got \(2,\)"):
        weighed_mixture(torch.zeros(3, 1, 2, 4), torch.zeros(3, 1, 4), weights=torch.zeros(2))
