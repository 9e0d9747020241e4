"""LocalVMamba, and VMamba of both forms, against a literal float64 version: logits, all gradients, mixtures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from literal_vmamba import LiteralVMamba

from scansearch.models import ModelSpec, Selection
from scansearch.models.local_vmamba import network as local_vmamba
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

DIRECTIONS = [["h", "v_flip", "w2", "w3_flip"], ["v", "w2_flip"], ["w3", "h_flip", "v"]]
CANDIDATES = [["h", "h_flip", "v", "v_flip", "w2", "w2_flip"]] * 3
SMALL = {"embed_dim": 4, "depths": [1, 2], "patch_size": 2, "scan_backend": "torch", "drop_path": 0.0}
WIDER = {"embed_dim": 8, "reduction": 4}


def spec(name: str = "local_vmamba_tiny", **options: Any) -> ModelSpec:
    return MODELS.get(name).configure(**{**SMALL, **options})


def build(model: ModelSpec, kind: str = "network", size: tuple[int, int] = (8, 12)) -> Any:
    """A network in float64 on random weights, so that no parameter can hide behind its initial value."""
    torch.manual_seed(0)
    network = getattr(model, kind)(DIRECTIONS if kind == "network" else CANDIDATES, ImageShape(*size, 2, 3)).double()
    with torch.no_grad():
        for p in network.parameters():
            p += 0.3 * torch.randn(p.shape, dtype=torch.float64)
    return network


def literal(model: ModelSpec, network: Any, **facts: Any) -> LiteralVMamba:
    options: Any = model.options
    state = {k: v.clone().requires_grad_() for k, v in model.official_state_dict(network).items()}
    directions = [list(names) for names in network.candidates]
    known = {"padded": options.windows == "padded", "attention": options.attention, "patch": options.patch_size}
    return LiteralVMamba(
        state,
        directions,
        options.depths,
        today=hasattr(options, "mlp_ratio"),
        released=options.inverses == "released",
        **known,
        **facts,
    )


def images(size: tuple[int, int] = (8, 12)) -> torch.Tensor:
    return torch.randn(2, 2, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def gradients(model: ModelSpec, network: Any, kind: str, size: tuple[int, int]) -> dict[str, torch.Tensor]:
    """Under published names: the weights of a copy whose parameters are the gradients."""
    grads = build(model, kind, size)
    with torch.no_grad():
        for p, q in zip(grads.parameters(), network.parameters(), strict=True):
            p.copy_(torch.zeros_like(q) if q.grad is None else q.grad)
    return model.official_state_dict(grads)


CASES: list[tuple[str, tuple[int, int], dict[str, Any]]] = [
    ("local_vmamba_tiny", (8, 12), {"windows": "cut"}),
    ("local_vmamba_tiny", (8, 12), {"windows": "padded"}),
    ("local_vmamba_tiny", (11, 7), {"windows": "padded", "attention": "channel_spatial", **WIDER}),
    ("local_vmamba_tiny", (10, 10), {"windows": "cut", "attention": "channel_spatial", "depths": [1, 1, 1]}),
    ("local_vmamba_tiny", (12, 20), {"patch_size": 4, "expand": 1, "dt_rank": 2, "d_state": 3}),
    ("local_vmamba_tiny", (8, 12), {"inverses": "released", "windows": "padded"}),
    ("vmamba_tiny", (8, 14), {"inverses": "released"}),
    ("vmamba_tiny", (10, 14), {}),
    ("vmamba_tiny_s1l8", (8, 12), {}),
    ("vmamba_tiny_s2l5", (11, 13), {"patch_size": 4, "windows": "padded", "attention": "channel"}),
]


@pytest.mark.parametrize(("name", "size", "options"), CASES)
def test_equals_the_literal_version(name: str, size: tuple[int, int], options: dict[str, Any]) -> None:
    model = spec(name, **options)
    network = build(model, size=size)
    slow = literal(model, network)
    ours, theirs = network(images(size)), slow.logits(images(size))
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    for key, gradient in gradients(model, network, "network", size).items():
        torch.testing.assert_close(gradient, slow.state[key].grad, rtol=1e-7, atol=1e-9, msg=key)


@pytest.mark.parametrize("name", ["local_vmamba_tiny", "vmamba_tiny", "vmamba_tiny_s1l8"])
@pytest.mark.parametrize("mixture", ["keep", "recompute"])
def test_a_supernet_weighs_its_branches_by_alpha(name: str, mixture: str) -> None:
    model = spec(name, windows="padded", mixture=mixture)
    network = build(model, "supernet")
    alphas = network.architecture_parameters()
    shares = [alpha.flatten().softmax(0) for alpha in alphas]
    slow = literal(model, network)
    slow.weights = [slow.state[f"layers.{place}.op.multi_scan.weights"].flatten().softmax(0) for place in PLACES]
    ours = network(images(), [Selection(tuple(range(6)), share) for share in shares])
    theirs = slow.logits(images())
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    for key, gradient in gradients(model, network, "supernet", (8, 12)).items():
        torch.testing.assert_close(gradient, slow.state[key].grad, rtol=1e-7, atol=1e-9, msg=key)


PLACES = ("0.blocks.0", "1.blocks.0", "1.blocks.1")


@pytest.mark.parametrize("name", ["local_vmamba_tiny", "vmamba_tiny", "vmamba_tiny_s2l5"])
def test_the_fast_backend_agrees(name: str) -> None:
    exact, fast = build(spec(name)), build(spec(name, scan_backend="auto")).float()
    torch.testing.assert_close(fast(images().float()), exact(images()).float(), rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("name", ["local_vmamba_tiny", "vmamba_tiny_s1l8"])
def test_stochastic_depth_acts_on_what_a_block_adds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates are linspace(0, rate, layers)[i]; an MLP is dropped at the rate of its layer."""
    rates = []

    def record(x: torch.Tensor, rate: float, training: bool) -> torch.Tensor:
        rates.append(rate)
        factors = torch.tensor([0.0, 1 / (1 - rate)] if rate else [1.0, 1.0], dtype=x.dtype)
        return x * factors[:, None, None, None]

    monkeypatch.setattr(local_vmamba, "drop_path", record)
    monkeypatch.setattr("scansearch.models.vmamba.network.drop_path", record)
    model = spec(name, drop_path=0.5)
    network = build(model)
    ours = network(images())
    twice = 1 + hasattr(model.options, "mlp_ratio")
    assert rates == [rate for rate in (0.0, 0.25, 0.5) for _ in range(twice)]
    drops = [torch.tensor(f, dtype=torch.float64) for f in ([1.0, 1.0], [0.0, 1 / 0.75], [0.0, 2.0])]
    torch.testing.assert_close(ours, literal(model, network, drops=drops).logits(images()), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["local_vmamba_tiny", "vmamba_tiny_s1l8"])
@pytest.mark.parametrize("size", [(8, 16), (7, 5)])
def test_another_resolution_runs_with_the_same_weights(name: str, size: tuple[int, int]) -> None:
    network = build(spec(name)).eval()
    other = network.at(size)
    assert not other.training
    assert other.shape.size == size
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
    torch.testing.assert_close(other(images(size)), literal(spec(name), other).logits(images(size)))
    assert torch.equal(other.at((8, 12))(images()), network(images()))
