"""No operation with a backward pass of its own gives a second derivative, or forgets one without a word."""

import sys
from types import SimpleNamespace

import pytest
import torch

from scansearch.models.streaming import streamed_sum
from scansearch.ops import mixture, norm_reduce, reorder_conv_silu, restore_gate, restore_order, weigh, weighed_mixture
from scansearch.ops import selective_scan_grouped as scan
from scansearch.ops.backends.mamba_ssm import MAMBA_SSM
from scansearch.ops.shapes import ScanInputs

G, B, L, D, N = 2, 3, 5, 8, 4
ORDER = torch.stack([torch.randperm(L) for _ in range(G)])
INVERSE = ORDER.argsort(1)
PANEL, MAPS = (G, B, L, D), (G, B, L, N)
CASES = {
    "scan": (scan, [PANEL, PANEL, (G, D, N), MAPS, MAPS]),
    "conv": (
        lambda x, w, b, backend: reorder_conv_silu(x, ORDER, w, b, backend=backend),
        [(B, L, D), (G, D, 4), (G, D)],
    ),
    "gate": (lambda y, z, backend: restore_gate(y, z, ORDER, INVERSE, backend=backend), [PANEL, (B, L, D)]),
    "pooled": (lambda x, w, backend: norm_reduce(x, w, backend=backend)[1], [PANEL, (2, D)]),
    "reduced": (lambda x, w, backend: norm_reduce(x, w, backend=backend)[2], [PANEL, (2, D)]),
    "weigh": (weigh, [PANEL, (G, B, D), (G, B, L)]),
    "mixture": (mixture, [PANEL, (G,)]),
    "weighed_mixture": (weighed_mixture, [PANEL, (G, B, D), (G, B, L), (G,)]),
}


def penalised(operation, shapes, backend):
    """The loss of a model whose gradient is penalised; the gradient that comes in is that of a plain sum."""
    leaves = [torch.randn(shape).requires_grad_() for shape in shapes]
    value = operation(*leaves, backend=backend)
    (gradient,) = torch.autograd.grad(value.sum(), leaves[:1], create_graph=True)
    return gradient.square().sum() + value.sum()


KERNELS = [*((name, "cpu") for name in CASES), ("scan", "torch")]


@pytest.mark.parametrize(("name", "backend"), KERNELS, ids="-".join)
def test_a_graph_of_a_kernels_backward_pass_is_refused(name, backend):
    with pytest.raises(RuntimeError, match="no second derivative, but create_graph=True"):
        penalised(*CASES[name], backend)


def test_so_is_that_of_a_streamed_sum():
    operation = lambda x, w, backend: streamed_sum(lambda part, s, t: (s[0] * t[0]).sum(0), 1, [x], [w])  # noqa: E731
    with pytest.raises(RuntimeError, match="no second derivative, but create_graph=True"):
        penalised(operation, [(3, 2), (2,)], "cpu")


def test_and_that_of_mamba_ssm(monkeypatch):
    def forward(u, *rest):
        return u * 2, torch.zeros(1)

    monkeypatch.setitem(sys.modules, "selective_scan_cuda", SimpleNamespace(fwd=forward))

    def operation(*tensors, backend):
        return MAMBA_SSM.scan(ScanInputs(*tensors, None, None, None), True)

    with pytest.raises(RuntimeError, match="no second derivative, but create_graph=True"):
        penalised(operation, CASES["scan"][1], "mamba_ssm")


@pytest.mark.parametrize(
    ("name", "backend"), [("conv", "torch"), ("gate", "torch"), ("mixture", "torch"), ("scan", "reference")]
)
def test_what_torch_differentiates_itself_has_second_derivatives(name, backend):
    loss = penalised(*CASES[name], backend)
    assert torch.isfinite(loss)
    loss.backward()


def test_restoring_an_order_is_linear_and_differentiable_for_ever():
    y = torch.randn(PANEL, requires_grad=True)
    (gradient,) = torch.autograd.grad(restore_order(y, ORDER, INVERSE).square().sum(), y, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), y)
    assert torch.equal(second, torch.full(PANEL, 2.0))


@pytest.mark.parametrize(("name", "backend"), [("scan", "torch"), *((name, "cpu") for name in CASES)])
def test_forward_mode_is_an_error(name, backend):
    operation, shapes = CASES[name]
    tensors = tuple(torch.rand(shape) for shape in shapes)
    with pytest.raises(NotImplementedError, match="jvp"):
        torch.func.jvp(lambda *t: operation(*t, backend=backend), tensors, tensors)


def test_the_operator_of_a_backward_pass_has_no_derivative_of_its_own():
    """Who calls it directly, as a recorded graph does, must not lose the penalty either."""
    from scansearch.ops.backends.cpu.operators import MIXTURE

    branches, weights = torch.randn(2, 3, 5, 8, requires_grad=True), torch.randn(2, requires_grad=True)
    gradient, _ = MIXTURE.run_backward(torch.ones(3, 5, 8), branches, weights)
    with pytest.raises(RuntimeError, match="second derivative"):
        gradient.square().sum().backward()
