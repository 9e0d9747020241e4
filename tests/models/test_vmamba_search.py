"""LocalVMamba and VMamba as supernets: what strategies select in them, what is derived, and what they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

import scansearch
from scansearch.errors import ScansearchError
from scansearch.models import Selection
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

SHAPE = ImageShape(12, 12, channels=1, classes=3)
NAMES = ("h", "v_flip", "w2", "w2_flip")
KEPT = [["w2", "h"], ["v_flip"], ["h", "w2_flip"]]
MODELS_HERE = ("local_vmamba_nano", "vmamba_tiny", "vmamba_tiny_s1l8")
BOTH = pytest.mark.parametrize("name", MODELS_HERE)


def spec(name: str, **options: Any) -> Any:
    return MODELS.get(name).configure(**{"embed_dim": 8, "depths": [1, 2], "patch_size": 2, **options})


def supernet(name: str, **options: Any) -> Any:
    torch.manual_seed(0)
    return spec(name, **options).supernet([NAMES] * 3, SHAPE)


def images(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(2, 1, 12, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float32).to(dtype)


def mixed(net: Any, **more: Any) -> list[Selection]:
    return [Selection(tuple(range(4)), a.flatten().softmax(0), **more) for a in net.architecture_parameters()]


@BOTH
def test_what_is_derived_computes_what_the_supernet_selects(name: str) -> None:
    net = supernet(name).eval()
    network = net.derive(KEPT).eval()
    assert type(network) is type(spec(name).network(KEPT, SHAPE))
    places = [tuple(NAMES.index(kept) for kept in layer) for layer in KEPT]
    with torch.no_grad():
        assert torch.equal(network(images()), net(images(), [Selection(place) for place in places]))
    assert not any(hasattr(module, "alpha") for module in network.modules())


@BOTH
def test_only_the_rows_of_what_ran_get_a_gradient(name: str) -> None:
    net = supernet(name)
    net(images(), [Selection((2, 0)), Selection((1,)), Selection((3, 1))]).square().sum().backward()
    for stacked, ran in zip(net.stacked_parameters(), ((2, 0), (1,), (3, 1)), strict=True):
        assert len(stacked) == 5
        for p in stacked:
            assert {i for i in range(4) if float(p.grad[i].abs().sum()) > 0} == set(ran)


@BOTH
def test_chunks_that_are_computed_again_give_the_same(name: str) -> None:
    found = []
    for mixture in ("keep", "recompute"):
        net = supernet(name, mixture=mixture)
        logits = net(images(), mixed(net, shortcut=0.3))
        logits.square().sum().backward()
        found.append([logits, *(p.grad for p in net.parameters() if p.grad is not None)])
    for kept, again in zip(*found, strict=True):
        torch.testing.assert_close(kept, again, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("attention", ["none", "channel", "channel_spatial"])
@pytest.mark.parametrize("block", [0, 1, 3])
def test_a_part_of_the_channels_is_mixed_and_the_others_pass(attention: str, block: int) -> None:
    """They pass between the convolution and the norm, where there is no gate yet."""
    op = supernet("local_vmamba_nano", attention=attention).layers[0].blocks[0].op
    hidden = torch.randn(2, 6, 6, 8)
    x = F.silu(op.conv2d(op.in_proj(hidden)[..., :16].permute(0, 3, 1, 2))).flatten(2).transpose(1, 2)
    seen = op.mixed(x, None, Selection((0, 1, 2, 3), torch.full((4,), 0.25), part=(block, 4)))
    inside = slice(block * 4, block * 4 + 4)
    rest = [i for i in range(16) if i // 4 != block]
    assert torch.equal(seen[..., rest], x[..., rest])
    assert not torch.allclose(seen[..., inside], x[..., inside], atol=1e-2)


LOW = [torch.bfloat16, torch.float16]


@pytest.mark.parametrize("dtype", LOW, ids=str)
@BOTH
def test_half_precision_computes_what_float32_does(name: str, dtype: torch.dtype) -> None:
    low, wide = supernet(name).to(dtype), supernet(name)
    logits, wanted = low(images(dtype), mixed(low)), wide(images(), mixed(wide))
    assert logits.dtype == dtype
    torch.testing.assert_close(logits.float(), wanted, rtol=0.1, atol=0.1)
    logits.float().square().sum().backward()
    assert all(p.grad is None or p.grad.dtype == dtype for p in low.parameters())
    assert low.derive(KEPT).at((8, 12))(torch.randn(1, 1, 8, 12).to(dtype)).dtype == dtype


@BOTH
def test_under_autocast_the_branches_and_their_norm_stay_wide(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = F.layer_norm

    def watched(x: torch.Tensor, *arguments: Any, **more: Any) -> torch.Tensor:
        seen.append(x.dtype)
        return real(x, *arguments, **more)

    monkeypatch.setattr("scansearch.models.local_vmamba.mixer.F.layer_norm", watched)
    net = supernet(name)
    with torch.autocast("cpu", torch.bfloat16):
        net(images())
    assert torch.float32 in seen


@pytest.mark.parametrize("name", ["vmamba_tiny", *(pytest.param(n, marks=pytest.mark.slow) for n in MODELS_HERE[::2])])
def test_exported_with_any_batch(name: str) -> None:
    network = spec(name, scan_backend="torch").network(KEPT, SHAPE).eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    exported = torch.export.export(network, (images(),), dynamic_shapes=({0: batch},))
    more = torch.randn(5, 1, 12, 12)
    torch.testing.assert_close(exported.module()(more), network(more), rtol=0, atol=1e-6)


def test_a_patch_is_as_small_as_256_tokens_allow() -> None:
    nano = MODELS.get("local_vmamba_nano")
    found = {side: nano.options.grids((side, side))[0][0] for side in (8, 14, 16, 17, 28, 32, 33, 64, 224)}
    assert found == {8: 8, 14: 14, 16: 16, 17: 8, 28: 14, 32: 16, 33: 8, 64: 16, 224: 56}
    assert [info.grid for info in nano.layers(ImageShape(28, 20, 1, 2))] == [(14, 10), (7, 5), (4, 3), (2, 2)]
    today = MODELS.get("vmamba_tiny_s1l8").configure(patch_size=4)
    assert today.options.grids((33, 30)) == [(9, 8), (5, 4), (3, 2), (2, 1)]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("local_vmamba_nano", {"depths": []}, "model option depths takes a list of 1 to 8 integers from 1 to 1,000"),
        (
            "local_vmamba_nano",
            {"depths": [1, 0]},
            "model option depths takes a list of 1 to 8 integers from 1 to 1,000",
        ),
        (
            "local_vmamba_nano",
            {"depths": [1] * 9},
            "model option depths takes a list of 1 to 8 integers from 1 to 1,000",
        ),
        (
            "local_vmamba_nano",
            {"depths": 3},
            "model option depths takes a list of 1 to 8 integers from 1 to 1,000, but got 3",
        ),
        ("local_vmamba_nano", {"depth": 2}, "unknown option of model local_vmamba_nano 'depth' .did you mean 'depths'"),
        ("vmamba_tiny_s1l8", {"patch_size": 3}, "model option patch_size takes 1 or 2 or 4 or auto, but got 3"),
        ("vmamba_tiny_s1l8", {"embed_dim": 1}, "model option embed_dim takes an integer from 2 to 4,096, but got 1"),
    ],
)
def test_options_are_refused_in_one_line(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ScansearchError, match=message) as caught:
        MODELS.get(name).configure(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.network(KEPT[:2], SHAPE), "has 3 layers, but directions for 2 were given; .*change its depths"),
        (lambda s: s.network([["h"], [], ["h"]], SHAPE), "each once, but layer 2 has: none"),
        (lambda s: s.configure(patch_size=16).layers(SHAPE), "16 x 16 pixels do not fit into 12 x 12"),
        (lambda s: s.layers(ImageShape(32768, 32768, 1, 2)), "at most 1048576 tokens"),
        (
            lambda s: s.configure(embed_dim=4096, depths=[2] * 8, expand=64).network([["h"]] * 16, SHAPE),
            r"at most 1e\+10 parameters",
        ),
        (lambda s: s.network(KEPT, SHAPE)(torch.zeros(1, 1, 8, 8)), r"takes images \(B, 1, 12, 12\)"),
        (lambda s: s.supernet([NAMES] * 3, SHAPE)(images(), [Selection((0,))]), "one selection a layer .3., but got 1"),
        (lambda s: s.supernet([NAMES] * 3, SHAPE).derive([["h"], ["w7"], ["h"]]), "layer 2 has no candidate 'w7'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(change: Any, message: str) -> None:
    with pytest.raises(ScansearchError, match=message) as caught:
        change(spec("local_vmamba_nano"))
    assert "\n" not in str(caught.value)


SETTINGS: dict[str, dict[str, Any]] = {"single_path": {"generations": 1, "population": 2}}
FURTHER = ("single_path", "partial_channel", "gumbel", "binary_gates", "progressive")


@pytest.mark.parametrize("strategy", ["darts", *(pytest.param(n, marks=pytest.mark.slow) for n in FURTHER)])
def test_localvmamba8_is_searched_and_what_it_found_is_built(strategy: str, tmp_path: Path) -> None:
    genotype = scansearch.search(
        tmp_path / "run", space="localvmamba8", strategy=strategy, model="local_vmamba_nano", data="digits", epochs=1,
        image_size=16, limit=32, batch_size=16, threads=1, **SETTINGS.get(strategy, {}),
    )  # fmt: skip
    grids = [(0, (16, 16)), (1, (8, 8)), (2, (4, 4)), (3, (2, 2))]
    assert [(layer.stage, layer.grid) for layer in genotype.layers] == grids
    assert [len(layer.directions) for layer in genotype.layers] == [4] * 4
    network = scansearch.build("local_vmamba_nano", genotype=genotype, num_classes=10, image_size=16, in_channels=1)
    assert network(torch.randn(2, 1, 16, 16)).shape == (2, 10)
