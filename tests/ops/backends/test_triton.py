"""The kernels for a GPU, in Triton's interpreter on the CPU: values and gradients against float64, every type, ragged shapes."""

import sys
from pathlib import Path

import pytest
import torch
from torch.library import opcheck

sys.path.insert(0, str(Path(__file__).parents[1]))
from comparison import LEAST, assert_close, outcome
from scan_inputs import restored_inputs, scan, scan_inputs

from scansearch import ops
from scansearch.ops.backends import dispatch
from scansearch.ops.backends.base import FINE
from scansearch.ops.backends.triton import self_check
from scansearch.ops.backends.triton.launches import SCAN
from scansearch.ops.backends.triton.triton_backend import TRITON
from scansearch.ops.gather import inverse_of

pytest.importorskip("triton")


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1, 1, 1), (2, 2, 33, 17, 3), (1, 2, 64, 16, 4), (2, 1, 5, 40, 16), (1, 1, 70, 3, 2), (1, 1, 3, 2, 64)],
    ids=["one of each", "ragged", "whole tiles", "many channels", "three tiles of steps", "most states"],
)
def test_the_scan_on_shapes(shape):
    assert_close(scan, scan_inputs(*shape), "triton", tolerance=5e-6, least=LEAST)


@pytest.mark.slow
@pytest.mark.parametrize("states", [1, 7, 16, 33, 64])
def test_the_scan_of_every_number_of_states(states):
    assert_close(scan, scan_inputs(1, 1, 40, 5, states), "triton", tolerance=5e-6, least=LEAST)


@pytest.mark.parametrize("change", [{1: 30.0}, {1: -30.0}, {2: 0.0}, {2: -1e4}, {0: 1e15}], ids=str)
def test_extreme_values(change):
    tensors = scan_inputs(1, 1, 35, 4, 3)
    for place, value in change.items():
        tensors[place] = torch.full_like(tensors[place], value)
    assert_close(scan, tensors, "triton", tolerance=5e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_holds_its_states_in_float32(dtype):
    tensors = [t.to(dtype) for t in scan_inputs(1, 2, 40, 6, 4)]
    found = outcome(scan, tensors, "triton", dtype)
    wanted = outcome(scan, tensors, "reference", torch.float64)
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == dtype
        assert float((a.double() - b).abs().max() / b.abs().max()) < 8 * torch.finfo(dtype).eps


def test_without_softplus():
    def plain(*given, backend):
        return ops.selective_scan_grouped(*given, delta_softplus=False, backend=backend)

    tensors = scan_inputs(1, 1, 35, 4, 3)
    tensors[1], tensors[7] = tensors[1].abs(), tensors[7].abs()
    assert_close(plain, tensors, "triton", tolerance=5e-6)


def orders(*, padded=False, tokens=37):
    torch.manual_seed(1)
    extra = 6 if padded else 0
    order = torch.stack([torch.randperm(tokens + extra) for _ in range(2)])
    return torch.where(order < tokens, order, -1), tokens


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("taps", [1, 3, 4, 6])
def test_visiting_and_convolving(padded, taps):
    order, tokens = orders(padded=padded)

    def visit(x, weight, bias, backend):
        return ops.reorder_conv_silu(x, order, weight, bias, backend=backend)

    tensors = [torch.randn(2, tokens, 19), torch.randn(2, 19, taps), torch.randn(2, 19)]
    assert_close(visit, tensors, "triton", tolerance=5e-6)


@pytest.mark.parametrize("padded", [False, True])
def test_restoring_under_a_gate(padded):
    order, tokens = orders(padded=padded)
    inverse = inverse_of(order, tokens)

    def restore(y, z, backend):
        return ops.restore_gate(y, z, order, inverse, backend=backend)

    assert_close(restore, [torch.randn(2, 3, order.shape[1], 21), torch.randn(3, tokens, 21)], "triton", tolerance=5e-6)


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize(
    ("shape", "extra"), [((1, 1, 1, 1, 1), 0), ((2, 2, 33, 17, 3), 5), ((1, 2, 64, 16, 1), 0)], ids=str
)
def test_the_scan_whose_results_stand_where_their_tokens_do(shape, extra, gated):
    tensors, operation = restored_inputs(*shape, extra=extra, gated=gated)
    assert_close(operation, tensors, "triton", tolerance=5e-6, least=LEAST)


@pytest.mark.parametrize("form", ["scan", "restored", "gated"])
def test_the_scan_is_an_operator_that_torch_knows_in_each_of_its_forms(form):
    tensors, _ = restored_inputs(2, 1, 3, 2, 2)
    order = torch.tensor([[2, -1, 0, 1], [0, 1, 2, -1]]) if form != "scan" else torch.empty(0, dtype=torch.int64)
    u, maps = torch.randn(2, 1, 4, 2), torch.randn(2, 1, 4, 2)
    z = tensors[7] if form == "gated" else torch.empty(0)
    given = [u, u.clone(), tensors[2], maps, maps.clone(), *tensors[5:7], z]
    quick = ("test_schema", "test_autograd_registration", "test_faketensor")
    others = [order, 4 if form == "scan" else 3, True]
    opcheck(SCAN.run, [*[t.requires_grad_() for t in given], *others], test_utils=quick)
    plain = [t.detach() for t in given]
    result, kept = SCAN.run(*plain, *others)
    opcheck(SCAN.run_backward, [torch.randn_like(result), *plain, *others, kept], test_utils=quick)


def test_branches_keep_no_result_of_the_scan_before_its_gate(monkeypatch):
    calls = []
    monkeypatch.setattr(type(TRITON), "restore_gate", lambda *given: calls.append("restore_gate"))
    monkeypatch.setattr(type(TRITON), "scan", lambda *given: calls.append("scan"))
    tensors, operation = restored_inputs(1, 1, 3, 2, 1)
    assert operation(*tensors, backend="triton").shape == (1, 1, 3, 2)
    assert not calls


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 2, 70, 21), (2, 1, 3, 64)])
def test_the_mixture(shape):
    def mix(branches, weights, backend):
        return ops.mixture(branches, weights, backend=backend)

    torch.manual_seed(2)
    assert_close(mix, [torch.randn(shape), torch.randn(shape[0])], "triton", tolerance=2e-5, least=LEAST)


def test_the_self_check_agrees_and_notices_what_is_wrong(monkeypatch):
    assert self_check.differences("cpu") is None
    real, every = self_check.MIXTURE, self_check._cases
    last = ("restore_gate", "weigh", "mixture")  # in the interpreter every kernel takes its time
    monkeypatch.setattr(self_check, "_cases", lambda: {name: every()[name] for name in last})
    monkeypatch.setattr(self_check, "MIXTURE", lambda *tensors: 1.001 * real(*tensors))
    assert self_check.differences("cpu").startswith("its numbers are wrong here: mixture by ")

    def fails(*tensors):
        raise ValueError("no such instruction\nat line 3")

    monkeypatch.setattr(self_check, "GATE", fails)
    assert self_check.differences("cpu") == "its kernel restore_gate does not run here: no such instruction"


def test_it_is_asked_by_name_alone_where_it_only_interprets():
    assert ops.resolve_backend("auto", torch.zeros(1)) == "cpu"
    assert ops.resolve_backend("triton", torch.zeros(1)) == "triton"
    for op in FINE:
        assert dispatch.backend_for("triton", op, *(torch.zeros(1, 1, 1, 1),) * 5).name == "triton"


def test_limits():
    one = torch.zeros(1, 1, 1, 1)
    assert TRITON.supports("scan", one, one, torch.zeros(1, 1, 65), one, one) == "it has up to 64 states, but got 65"
    assert "float64" in TRITON.supports("scan", *(torch.zeros(1, 1, 1, 1, dtype=torch.float64),) * 5)
