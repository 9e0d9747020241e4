"""Empty axes give a right result or an error of one line; what is no floating-point number is refused."""

import itertools

import pytest
import torch

from scansearch.errors import ScansearchError
from scansearch.ops import (
    mixture,
    norm_reduce,
    reorder_conv_silu,
    restore_gate,
    restore_order,
    selective_scan,
    selective_scan_grouped,
    weigh,
    weighed_mixture,
)

SIZES = {"G": 2, "B": 3, "L": 5, "D": 8, "N": 4, "K": 4, "R": 2}
BACKENDS = ["reference", "torch", "cpu"]


def order(s):
    return torch.stack([torch.arange(s["L"]).flip(0)] * s["G"]) if s["G"] else torch.zeros(0, s["L"], dtype=torch.int64)


CASES = {
    "scan": (
        lambda s: lambda *t, backend: selective_scan_grouped(*t, backend=backend),
        ["GBLD", "GBLD", "GDN", "GBLN", "GBLN", "GD", "GBLD", "GD"],
    ),
    "conv": (lambda s: lambda *t, backend: reorder_conv_silu(t[0], order(s), *t[1:], backend=backend), ["BLD", "GDK", "GD"]),
    "gate": (lambda s: lambda *t, backend: restore_gate(*t, order(s), order(s), backend=backend), ["GBLD", "BLD"]),
    "order": (lambda s: lambda *t, backend: restore_order(*t, order(s), order(s), backend=backend), ["GBLD"]),
    "pooled": (lambda s: lambda *t, backend: norm_reduce(*t, backend=backend)[1], ["GBLD", "RD"]),
    "reduced": (lambda s: lambda *t, backend: norm_reduce(*t, backend=backend)[2], ["GBLD", "RD"]),
    "weigh": (lambda s: weigh, ["GBLD", "GBD", "GBL"]),
    "mixture": (lambda s: mixture, ["GBLD", "G"]),
    "weighed_mixture": (lambda s: weighed_mixture, ["GBLD", "GBD", "GBL", "G"]),
}  # fmt: skip


def outcome(name, sizes, backend):
    operation, shapes = CASES[name]
    torch.manual_seed(0)
    leaves = [torch.randn([sizes[axis] for axis in shape]).requires_grad_() for shape in shapes]
    result = operation(sizes)(*leaves, backend=backend)
    return [result, *torch.autograd.grad(result.sum(), leaves, allow_unused=True, materialize_grads=True)]


EMPTY = [(name, axis) for name, (_, shapes) in CASES.items() for axis in sorted(set("".join(shapes)))]


@pytest.mark.parametrize(("name", "axis"), EMPTY, ids=["-".join(pair) for pair in EMPTY])
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_empty_axis(name, axis, backend):
    sizes = SIZES | {axis: 0}
    try:
        got = outcome(name, sizes, backend)
    except ScansearchError as error:
        assert (name, axis) in {("conv", "K"), ("pooled", "L"), ("reduced", "L")}
        assert "needs at least one" in str(error)
        assert "\n" not in str(error)
        return
    for a, b in zip(got, outcome(name, sizes, "reference"), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("axis", "GBDNL")
def test_an_empty_axis_in_the_layout_of_mamba_ssm(axis):
    s = SIZES | {axis: 0}
    panel, maps = (s["B"], s["G"] * s["D"], s["L"]), (s["B"], s["G"], s["N"], s["L"])
    u, delta, rates, b, c = (torch.randn(shape) for shape in (panel, panel, (s["G"] * s["D"], s["N"]), maps, maps))
    if axis == "G":
        with pytest.raises(ScansearchError, match="the channels of u must divide into the groups of B"):
            selective_scan(u, delta, rates, b, c)
    else:
        assert torch.equal(selective_scan(u, delta, rates, b, c), torch.zeros(panel))


def test_nothing_to_read_is_an_error_of_one_line():
    with pytest.raises(ScansearchError, match="an order of 3 needs at least one row to take"):
        reorder_conv_silu(torch.zeros(1, 0, 4), torch.full((1, 3), -1), torch.zeros(1, 4, 4), torch.zeros(1, 4))


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64], ids=str)
def test_what_holds_no_floating_point_numbers_is_refused(dtype, backend):
    for name, (operation, shapes) in CASES.items():
        for place in range(len(shapes)):
            tensors = [torch.zeros([SIZES[axis] for axis in shape]) for shape in shapes]
            tensors[place] = tensors[place].to(dtype)
            with pytest.raises(ScansearchError, match=r"must hold float64, float32, .*; convert it") as caught:
                operation(SIZES)(*tensors, backend=backend)
            assert "\n" not in str(caught.value), name


WIDTHS = list(itertools.product([torch.float32, torch.bfloat16, torch.float16, torch.float64], repeat=2))


@pytest.mark.parametrize(("first", "others"), WIDTHS, ids=str)
def test_any_mixture_of_floating_point_types_is_computed(first, others):
    for operation, shapes in CASES.values():
        tensors = [torch.rand([SIZES[axis] for axis in shape]) for shape in shapes]
        mixed = [t.to(others if place else first) for place, t in enumerate(tensors)]
        got, want = (operation(SIZES)(*given, backend="auto") for given in (mixed, [t.float() for t in mixed]))
        torch.testing.assert_close(got.float(), want, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("given", [None, [1.0], torch.zeros(2, 2).to_sparse()], ids=["None", "list", "sparse"])
def test_what_is_no_dense_tensor_is_refused(given):
    for name, (operation, shapes) in CASES.items():
        for place in range(len(shapes)):
            tensors = [torch.zeros([SIZES[axis] for axis in shape]) for shape in shapes]
            tensors[place] = given
            # D, z, delta_bias; weights; token; token, weights
            first = {"scan": 5, "mixture": 1, "weigh": 2, "weighed_mixture": 2}.get(name, len(shapes))
            optional = place >= first
            if optional and given is None:
                assert operation(SIZES)(*tensors, backend="auto").shape[-3:] == tensors[0].shape[-3:]
                continue
            with pytest.raises(ScansearchError, match="must be a dense torch.Tensor, but got") as caught:
                operation(SIZES)(*tensors, backend="auto")
            assert "\n" not in str(caught.value), name


@pytest.mark.parametrize("place", range(5))
def test_what_is_no_dense_tensor_is_refused_in_the_layout_of_mamba_ssm(place):
    given = [
        torch.zeros(3, 16, 5),
        torch.zeros(3, 16, 5),
        torch.zeros(16, 4),
        torch.zeros(3, 2, 4, 5),
        torch.zeros(3, 2, 4, 5),
    ]
    given[place] = None
    with pytest.raises(ScansearchError, match="must be a dense torch.Tensor, but got NoneType"):
        selective_scan(*given)
