"""LocalVim against a literal float64 version: logits and all gradients."""

from __future__ import annotations

import itertools

import pytest
import torch
from literal_vim import Literal

from scansearch.models.local_vim import LocalVimOptions
from scansearch.models.local_vim import network as local_vim
from scansearch.models.local_vim.presets import LOCAL_VIM_NANO
from scansearch.shape import ImageShape

SMALL = LocalVimOptions(patch_size=2, embed_dim=8, depth=2, d_state=3, scan_backend="torch")
DIRECTIONS = [["h", "v_flip", "w2", "w3_flip"], ["v", "w2_flip", "w3"]]


def build(config: LocalVimOptions = SMALL, image_size: tuple[int, int] = (8, 10), seed: int = 0) -> torch.nn.Module:
    """A network in float64 on random weights, so that no parameter can hide behind its initial value."""
    spec = LOCAL_VIM_NANO.configure(**vars(config))
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float64)  # not .double(): the rotary tables too must be exact
    try:
        network = spec.network(DIRECTIONS, ImageShape(*image_size, channels=2, classes=3))
        with torch.no_grad():
            for p in network.parameters():
                p += 0.3 * torch.randn(p.shape)
    finally:
        torch.set_default_dtype(torch.float32)
    return network


def literal(network: torch.nn.Module, **facts: object) -> Literal:
    state = {k: v.clone().requires_grad_() for k, v in LOCAL_VIM_NANO.official_state_dict(network).items()}
    config = network.options
    return Literal(
        state,
        DIRECTIONS,
        network.grid,
        patch=2,
        class_token=config.class_token == "middle",
        padded=config.windows == "padded",
        whole_flips=config.flips == "sequence",
        mean=config.merge == "mean",
        wrong_v=config.inverses == "released",
        attention=config.attention,
        **facts,
    )


CASES = [
    *itertools.product(("none", "middle"), ("cut", "padded"), ("channel",)),
    ("none", "cut", "channel_spatial"),
    ("middle", "padded", "channel_spatial"),
    ("none", "padded", "none"),
]


@pytest.mark.parametrize(("class_token", "windows", "attention"), CASES)
def test_equals_the_literal_version(class_token: str, windows: str, attention: str) -> None:
    config = vars(SMALL) | {"class_token": class_token, "windows": windows, "attention": attention}
    network = build(LocalVimOptions(**config))
    slow = literal(network)
    images = torch.randn(3, 2, 8, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours, theirs = network(images), slow.logits(images)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    for key in LOCAL_VIM_NANO.official_state_dict(network):
        if "freqs" not in key:
            torch.testing.assert_close(gradient(network, key), slow.state[key].grad, rtol=1e-7, atol=1e-9, msg=key)


def gradient(network: torch.nn.Module, key: str) -> torch.Tensor:
    """The gradient under LocalMamba's name: the weights of a copy whose parameters are the gradients."""
    grads = build(network.options)
    with torch.no_grad():
        for p, q in zip(grads.parameters(), network.parameters(), strict=True):
            p.copy_(q.grad)
    return LOCAL_VIM_NANO.official_state_dict(grads)[key]


FURTHER = {
    "Vim": {"attention": "none", "class_token": "middle", "flips": "sequence", "merge": "mean"},
    "Vim, padded": {"class_token": "middle", "flips": "sequence", "merge": "mean", "windows": "padded"},
    "the wrong inverse": {"inverses": "released"},
    "the wrong inverse without attention": {"inverses": "released", "attention": "none"},
    "the wrong inverse with a class token": {"inverses": "released", "class_token": "middle", "windows": "padded"},
    "in chunks": {"inverses": "released", "merge": "mean", "mixture": "recompute"},
    "filled-up images": {"partial_patches": "padded"},
}


@pytest.mark.parametrize("kind", FURTHER)
def test_what_released_code_does_otherwise(kind: str) -> None:
    """Flips with their class token, means, LocalMamba's inverse of v, and images that the patches do not divide."""
    config = LocalVimOptions(**(vars(SMALL) | {"partial_patches": "padded"} | FURTHER[kind]))
    network = build(config, image_size=(5, 9))  # 3 x 5 patches: an odd number, which windows of 2 and 3 do not divide
    images = torch.randn(2, 2, 5, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(network(images), literal(network).logits(images), rtol=1e-9, atol=1e-9)


def test_the_wrong_inverse_is_right_on_square_grids() -> None:
    images = torch.randn(2, 2, 8, 8, dtype=torch.float64)
    released = build(LocalVimOptions(**(vars(SMALL) | {"inverses": "released"})), image_size=(8, 8))
    assert torch.equal(released(images), build(image_size=(8, 8))(images))


@pytest.mark.parametrize("windows", ["cut", "padded"])
def test_the_fast_backend_agrees(windows: str) -> None:
    images = torch.randn(3, 2, 8, 10)
    config = vars(SMALL) | {"windows": windows}
    exact = build(LocalVimOptions(**config))
    fast = build(LocalVimOptions(**(config | {"scan_backend": "auto"}))).float()
    torch.testing.assert_close(fast(images), exact(images.double()).float(), rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("class_token", ["none", "middle"])
def test_odd_grids(class_token: str) -> None:
    network = build(LocalVimOptions(**(vars(SMALL) | {"class_token": class_token})), image_size=(6, 10))
    images = torch.randn(2, 2, 6, 10, dtype=torch.float64)
    torch.testing.assert_close(network(images), literal(network).logits(images), rtol=1e-9, atol=1e-9)


def test_stochastic_depth_acts_on_the_incoming_hidden_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates are [0, linspace(0, rate, depth)][i]; the last norm takes the last rate."""
    rates = []

    def record(x: torch.Tensor, rate: float, training: bool) -> torch.Tensor:
        rates.append(rate)
        factors = torch.tensor([0.0, 1 / (1 - rate)] if rate else [1.0, 1.0], dtype=x.dtype)
        return x * factors[:, None, None]

    monkeypatch.setattr(local_vim, "drop_path", record)
    network = build(LocalVimOptions(**(vars(SMALL) | {"drop_path": 0.5})))
    images = torch.randn(2, 2, 8, 10, dtype=torch.float64)
    ours = network(images)
    assert rates == [0.0, 0.0, 0.5]
    drops = [torch.tensor(f, dtype=torch.float64) for f in ([1.0, 1.0], [1.0, 1.0], [0.0, 2.0])]
    torch.testing.assert_close(ours, literal(network, drops=drops).logits(images), rtol=1e-9, atol=1e-9)


def test_drop_path_keeps_the_mean_and_drops_whole_samples() -> None:
    torch.manual_seed(0)
    dropped = local_vim.drop_path(torch.ones(4000, 2, 3), 0.25, True)
    assert sorted(dropped.unique().tolist()) == pytest.approx([0.0, 1 / 0.75])
    assert dropped.mean() == pytest.approx(1.0, abs=0.05)
    assert torch.equal(dropped[:, :1, :1].expand_as(dropped), dropped)
    assert torch.equal(local_vim.drop_path(dropped, 0.25, False), dropped)


def test_residual_stays_wide_under_mixed_precision() -> None:
    network = build().float()
    images = torch.randn(2, 2, 8, 10)
    seen = []
    network.layers[1].norm.register_forward_pre_hook(lambda module, args: seen.append(args[0].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(images)
    assert seen == [torch.float32]
    torch.testing.assert_close(logits.float(), network(images), rtol=0.1, atol=0.3)


def test_initial_step_sizes() -> None:
    for init, low, high in (("mamba", 9e-4, 0.11), ("released", 0.69, 0.70)):
        spec = LOCAL_VIM_NANO.configure(init=init, depth=1)
        network = spec.network([["h", "v"]], ImageShape(8, 8, channels=1, classes=2))
        mixer = network.layers[0].mixer
        dt = torch.nn.functional.softplus(mixer.dt_proj_bias)
        assert low <= dt.min() <= dt.max() <= high
        assert torch.allclose(mixer.A_log.exp(), torch.arange(1.0, 9.0).expand_as(mixer.A_log))
        assert bool((mixer.D == 1).all())
