"""Every family as a plain PyTorch file: ours again, by the published names, where nothing of this package can be imported."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from plain_files import DIRECTIONS, check_same, drawn, exported, load
from pydantic import Field

from scansearch.errors import UnsupportedError
from scansearch.export.derived import DerivedNetwork
from scansearch.export.plain_torch import PLAIN
from scansearch.genotype import published
from scansearch.models.local_vim import LocalVimOptions, LocalVimSpec
from scansearch.registry import MODELS

PLAIN_STACK = {"embed_dim": 8, "depth": 2, "d_state": 3, "patch_size": 1}
HIERARCHY = {"embed_dim": 8, "depths": [1, 1], "patch_size": 2}
TABLES = [["hilbert", "h"], ["snake_flip", "v"]]
CASES = [
    ("local_vim_nano", (5, 7), DIRECTIONS, {**PLAIN_STACK, "merge": "mean", "inverses": "released"}),
    ("local_vim_nano", (5, 7), DIRECTIONS, {**PLAIN_STACK, "patch_size": 2, "partial_patches": "padded"}),
    (
        "local_vim_nano",
        (5, 7),
        DIRECTIONS,
        {
            **PLAIN_STACK,
            "class_token": "middle",
            "windows": "padded",
            "flips": "sequence",
            "inverses": "released",
            "attention": "channel",
        },
    ),
    ("vim_tiny", (6, 6), [["h", "h_flip"], ["h_flip", "h"]], PLAIN_STACK),
    ("vim_tiny_rotary", (4, 6), [["h", "h_flip"]] * 2, PLAIN_STACK),
    ("vim_tiny", (6, 4), DIRECTIONS, PLAIN_STACK),
    ("local_vmamba_nano", (11, 14), DIRECTIONS, {**HIERARCHY, "drop_path": 0.3}),
    ("local_vmamba_nano", (11, 14), DIRECTIONS, {**HIERARCHY, "windows": "padded", "inverses": "released"}),
    ("local_vmamba_nano", (11, 14), TABLES, {**HIERARCHY, "attention": "channel", "dt_rank": 2, "expand": 1}),
    ("vmamba_tiny", (9, 8), DIRECTIONS, HIERARCHY),
    ("vmamba_tiny_s1l8", (11, 14), DIRECTIONS, {**HIERARCHY, "drop_path": 0.2}),
    (
        "vmamba_tiny_s2l5",
        (13, 10),
        TABLES,
        {**HIERARCHY, "patch_size": 4, "attention": "channel_spatial", "mlp_ratio": 2},
    ),
]
ONE_OF_EACH = [CASES[i] for i in (2, 3, 6, 10)]


@pytest.mark.parametrize(("model", "size", "directions", "options"), CASES, ids=str)
def test_logits_and_gradients_are_ours(model, size, directions, options, tmp_path):
    network = drawn(model, size, directions, **options)
    own_names = model == "vim_tiny" and directions is DIRECTIONS  # Vim's code has no names for these
    check_same(network, tmp_path, names=not own_names)


def test_they_are_imported_where_nothing_of_ours_is(tmp_path):
    networks = [drawn(model, size, directions, **options) for model, size, directions, options in ONE_OF_EACH]
    images = [torch.randn(2, 2, *network.shape.size) for network in networks]
    files = [PLAIN.write(network, tmp_path / str(i))[0] for i, network in enumerate(networks)]
    torch.save(images, tmp_path / "images.pt")
    code = (
        "import runpy, sys, torch\n"
        "sys.modules.update(dict.fromkeys(('scansearch', 'pydantic', 'safetensors', 'numba')))\n"  # importing these fails
        f"images, files = torch.load({str(tmp_path / 'images.pt')!r}), {list(map(str, files))}\n"
        "networks = [runpy.run_path(file)['build']() for file in files]\n"
        f"torch.save([net(x) for net, x in zip(networks, images)], {str(tmp_path / 'logits.pt')!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    for network, batch, logits in zip(networks, images, torch.load(tmp_path / "logits.pt"), strict=True):
        torch.testing.assert_close(logits, network.build()(batch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("model", "size", "directions", "options"), ONE_OF_EACH, ids=lambda value: str(value)[:20])
def test_a_state_dict_goes_back(model, size, directions, options, tmp_path):
    network = drawn(model, size, directions, **options)
    state, again = exported(network, tmp_path).build().state_dict(), DerivedNetwork(network.genotype).build()
    network.spec.load_official(again, state)
    for name, value in network.build().state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("case", [6, 10])
def test_drop_path_acts_in_training_alone(case, tmp_path):
    model, size, directions, options = CASES[case]
    network = drawn(model, size, directions, **{**options, "drop_path": 0.5})
    nets, images, found = (exported(network, tmp_path).build(), network.build()), torch.randn(64, 2, *size), []
    for net in nets:
        torch.manual_seed(1)
        found.append(net.train()(images))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(found[0], nets[0].eval()(images), atol=1e-3)


@pytest.mark.parametrize("model", ["local_vmamba_nano", "vmamba_tiny_s1l8", "vim_tiny"])
def test_without_weights_it_begins_as_ours_does(model, tmp_path):
    stack = {"depth": 2, "patch_size": 2} if model == "vim_tiny" else {"depths": [1, 1], "patch_size": 2}
    directions = [["h", "h_flip"]] * 2
    network = DerivedNetwork(drawn(model, (8, 8), directions, embed_dim=64, d_state=16, **stack).genotype)
    found = exported(network, tmp_path).build().state_dict()
    wanted = network.spec.official_state_dict(network.build())
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        if value.numel() >= 500:  # of fewer, little can be said
            fresh, spread = found[name], value.std(correction=0)
            assert abs(fresh.std(correction=0) - spread) <= 0.15 * spread + 1e-6, name
            assert abs(fresh.mean() - value.mean()) <= 0.3 * spread + 1e-6, name


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("local_vim_tiny", 7_994_152),
        ("vim_tiny", 7_148_008),
        ("local_vmamba_tiny", 25_527_160),
        ("vmamba_tiny", 22_893_448),
    ],
)
def test_the_published_networks(name, parameters, tmp_path):
    (path,) = PLAIN.write(DerivedNetwork(published(name), title=name), tmp_path)
    assert path.name == f"{name}.py"
    assert sum(p.numel() for p in load(path).build().parameters()) == parameters


def test_a_family_that_is_not_known_is_refused(monkeypatch):
    class OwnSpec(LocalVimSpec):
        pass

    network = drawn("local_vim_nano", (6, 6), **PLAIN_STACK)
    monkeypatch.setattr(MODELS, "get", lambda name: OwnSpec(name, "my own"))
    reason = PLAIN.applies(network)
    assert reason.startswith("there is no plain PyTorch file for 'local_vim_nano', only for LocalVim, Vim,")
    with pytest.raises(UnsupportedError, match="only for LocalVim"):
        PLAIN.write(network, None)


def test_an_option_that_is_not_known_is_refused(monkeypatch):
    class Newer(LocalVimOptions):
        newer: int = Field(0, description="What no template knows.")

    network = drawn("local_vim_nano", (6, 6), **PLAIN_STACK)
    monkeypatch.setattr(LocalVimSpec, "Options", Newer)
    for newer in (0, 3):
        spec = LocalVimSpec("local_vim_nano", "newer", **PLAIN_STACK, newer=newer)
        monkeypatch.setattr(DerivedNetwork, "spec", property(lambda self, spec=spec: spec))
        reason = PLAIN.applies(network)
        assert (reason is None) == (newer == 0)
    assert reason.startswith("the plain PyTorch file has no newer=3; export --to torch_export, or build it")
