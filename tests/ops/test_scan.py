import pytest
import torch
from comparison import LEAST, assert_close, outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from scansearch.errors import ScansearchError
from scansearch.ops import selective_scan, selective_scan_grouped

FAST = ["torch", "cpu"]


def inputs(groups, batch, length, channels, states, seed=0):
    torch.manual_seed(seed)
    panel, maps = (groups, batch, length, channels), (groups, batch, length, states)
    return {
        "u": torch.randn(panel),
        "delta": torch.randn(panel),
        "A": -8 * torch.rand(groups, channels, states),
        "B": torch.randn(maps),
        "C": torch.randn(maps),
        "D": torch.randn(groups, channels),
        "z": torch.randn(panel),
        "delta_bias": torch.randn(groups, channels),
    }


def scan(*tensors, backend):
    return selective_scan_grouped(*tensors, backend=backend)


@pytest.mark.parametrize("backend", FAST)
@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 70), st.integers(1, 35), st.integers(1, 64)),
    seed=st.integers(0, 2**16),
)
def test_values_and_gradients_on_random_shapes(backend, shape, seed):
    assert_close(scan, inputs(*shape, seed=seed).values(), backend, tolerance=2e-5, least=LEAST)


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize(
    "shape",
    [
        (1, 1, 1, 1, 1),
        (8, 2, 64, 64, 16),
        (1, 2, 32, 8, 4),
        (2, 1, 33, 16, 16),
        (1, 1, 196, 24, 16),
        (1, 1, 97, 17, 64),
    ],
    ids=["one of each", "a searched layer", "one chunk", "a step more than a chunk", "14 x 14", "many states"],
)
def test_adversarial_shapes(backend, shape):
    assert_close(scan, inputs(*shape).values(), backend)


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize(
    "change",
    [
        {"delta": 30.0},  # softplus is the identity: states forget at once
        {"delta": -30.0},  # softplus is near 0: states never change
        {"A": 0.0},  # nothing decays: sums over the whole sequence
        {"u": 0.0},
        {"A": -1e4},
        {"B": 1e-20, "C": 1e-20},  # products below the smallest normal number
        {"u": 1e15},
    ],
    ids=str,
)
def test_extreme_values(backend, change):
    tensors = inputs(2, 2, 45, 20, 16)
    tensors |= {name: torch.full_like(tensors[name], value) for name, value in change.items()}
    tensors |= {"z": torch.randn_like(tensors["z"]) * 20}
    assert_close(scan, tensors.values(), backend)


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("absent", [["D"], ["z"], ["delta_bias"], ["D", "z", "delta_bias"]], ids=str)
def test_optional_tensors(backend, absent):
    assert_close(scan, (inputs(2, 2, 19, 12, 6) | dict.fromkeys(absent)).values(), backend)


@pytest.mark.parametrize("backend", FAST)
def test_without_softplus(backend):
    tensors = inputs(2, 2, 40, 12, 6)
    tensors["delta"], tensors["delta_bias"] = tensors["delta"].abs(), tensors["delta_bias"].abs()

    def plain(*given, backend):
        return selective_scan_grouped(*given, delta_softplus=False, backend=backend)

    assert_close(plain, tensors.values(), backend)


@pytest.mark.parametrize("backend", FAST)
def test_denormal_states_are_zero_and_not_slow_paths(backend):
    tensors = inputs(1, 1, 64, 16, 16)
    tensors["u"] *= 1e-38  # every state is denormal from the first step on
    value, *gradients = outcome(scan, tensors.values(), backend, torch.float32)
    want, *wanted = outcome(scan, tensors.values(), "reference", torch.float64)
    assert float((value - want).abs().max()) < 1e-36
    for got, expected in zip(gradients[:2], wanted[:2], strict=True):
        assert float((got - expected).abs().max()) <= 3e-6 * float(expected.abs().max()) + 1e-36


@pytest.mark.parametrize("backend", FAST)
def test_a_view_gives_what_its_copy_gives(backend):
    """LocalMamba's Triton scan read another direction's data from a sliced input; see the trap in its code."""
    copies, views = inputs(3, 2, 20, 10, 5), {}
    for name, t in copies.items():
        wide = torch.stack([t, t + 1], -1)  # every second element, so no stride is 1
        views[name] = wide[..., 0]
    assert not views["u"].is_contiguous()
    outcomes = (outcome(scan, tensors.values(), backend, torch.float32) for tensors in (views, copies))
    for a, b in zip(*outcomes, strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-6 * float(b.abs().max()))


def test_float64_runs_on_torch_and_half_precision_is_accumulated_in_float32():
    tensors = inputs(2, 2, 40, 12, 16)
    assert_close(scan, tensors.values(), "auto", torch.float64, 1e-12)
    y = selective_scan_grouped(*(t.bfloat16() for t in tensors.values()), backend="torch")
    want = selective_scan_grouped(*(t.bfloat16().float() for t in tensors.values()), backend="torch")
    assert y.dtype == torch.bfloat16
    assert float((y.float() - want).abs().max()) <= 2**-8 * float(want.abs().max())


def test_layout_of_mamba_ssm_is_the_same_scan():
    t = inputs(3, 2, 21, 8, 4)
    by_panel = selective_scan_grouped(*t.values(), backend="cpu")

    def side_by_side(x):
        return x.permute(1, 0, 3, 2).flatten(1, 2)

    y = selective_scan(
        side_by_side(t["u"]),
        side_by_side(t["delta"]),
        t["A"].flatten(0, 1),
        t["B"].permute(1, 0, 3, 2),
        t["C"].permute(1, 0, 3, 2),
        t["D"].flatten(),
        side_by_side(t["z"]),
        t["delta_bias"].flatten(),
        backend="cpu",
    )
    assert torch.allclose(y, side_by_side(by_panel), rtol=1e-6, atol=1e-6)


def test_nan_comes_out():
    tensors = inputs(1, 1, 9, 16, 4)
    tensors["u"][0, 0, 3, 5] = float("nan")
    y = selective_scan_grouped(*tensors.values(), backend="cpu")
    assert y[0, 0, 3:, 5].isnan().all()
    assert not y[0, 0, :3].isnan().any()


@pytest.mark.parametrize(
    ("name", "shape"),
    [("delta", (2, 2, 9, 12)), ("A", (2, 11, 6)), ("B", (2, 2, 10, 5)), ("D", (12,)), ("u", (2, 10, 12))],
)
def test_wrong_shapes_are_named(name, shape):
    tensors = inputs(2, 2, 10, 12, 6) | {name: torch.zeros(shape)}
    with pytest.raises(ScansearchError) as caught:
        selective_scan_grouped(*tensors.values())
    assert "\n" not in str(caught.value)
    assert str(shape) in str(caught.value)
