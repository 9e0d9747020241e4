"""Programs of torch.export compute our logits for any number of images, where there is nothing of ours."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.export.derived import DerivedNetwork
from scansearch.export.exported_program import TORCH_EXPORT, scan_in_blocks, scan_operator
from scansearch.genotype import Genotype, published


def derived(size=(6, 6), directions=(("h", "v_flip", "w4"),), **options):
    shape = {"height": size[0], "width": size[1], "channels": 1, "classes": 3}
    options = {"patch_size": 1, "embed_dim": 8, "d_state": 4, **options, "depth": len(directions)}
    genotype = Genotype.from_directions(
        list(map(list, directions)), model="local_vim_nano", options=options, shape=shape
    )
    return DerivedNetwork(genotype, title="a run").with_initial_weights()


@pytest.mark.parametrize("length", [1, 2, 3, 16, 17, 37])
def test_a_scan_in_blocks_is_the_scan(length):
    torch.manual_seed(0)
    u, delta = torch.randn(2, 3, length, 5), torch.rand(2, 3, length, 5)
    A, B, C = -torch.rand(2, 5, 4), torch.randn(2, 3, length, 4), torch.randn(2, 3, length, 4)
    wanted, _ = scan_operator()(u, delta, A, B, C, False)
    torch.testing.assert_close(scan_in_blocks(u, delta, A, B, C, False)[0], wanted, rtol=1e-5, atol=1e-6)


def test_long_decays_stay_finite():
    u, delta = torch.ones(1, 1, 400, 1), torch.full((1, 1, 400, 1), 50.0)
    A, B, C = torch.full((1, 1, 1), -16.0), torch.ones(1, 1, 400, 1), torch.ones(1, 1, 400, 1)
    torch.testing.assert_close(scan_in_blocks(u, delta, A, B, C, False)[0], delta)


@pytest.mark.parametrize(
    ("size", "options"),
    [((6, 6), {}), pytest.param((5, 7), {"windows": "padded", "class_token": "middle"}, marks=pytest.mark.slow)],
)
def test_a_program_is_loaded_where_there_is_torch_alone(size, options, tmp_path):
    network = derived(size, **options)
    (path,) = TORCH_EXPORT.write(network, tmp_path)
    images = torch.randn(5, 1, *size)
    torch.save(images, tmp_path / "images.pt")
    code = (
        "import sys, torch\n"
        f"net = torch.export.load({str(path)!r}).module()\n"
        f"images = torch.load({str(tmp_path / 'images.pt')!r})\n"
        f"torch.save([net(images), net(images[:1])], {str(tmp_path / 'logits.pt')!r})\n"
        "print('scansearch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.split() == ["False"], done.stderr
    with torch.no_grad():
        wanted = network.build()(images)
    for found in torch.load(tmp_path / "logits.pt"):
        torch.testing.assert_close(found, wanted[: len(found)], rtol=1e-5, atol=1e-6)


def test_the_same_network_is_the_same_bytes(tmp_path):
    """So that an export that was cut off can be repeated: what differs would be another's file."""
    network = derived(size=(2, 2))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one, two = (TORCH_EXPORT.write(network, tmp_path / name)[0].read_bytes() for name in ("a", "b"))
    assert one == two
    assert b"graph_id" not in one


def test_without_weights_it_is_refused(tmp_path):
    network = DerivedNetwork(published("local_vim_tiny"))
    reason = TORCH_EXPORT.applies(network)
    assert "add --untrained for initial ones" in reason
    with pytest.raises(UnsupportedError) as caught:
        TORCH_EXPORT.write(network, tmp_path)
    assert str(caught.value) == reason


def test_weights_of_another_network_are_refused(tmp_path):
    with pytest.raises(ScansearchError, match="these weights are not for local_vim_nano"):
        TORCH_EXPORT.write(DerivedNetwork(derived().genotype, weights={}), tmp_path)


def test_an_operator_of_ours_does_not_leave(tmp_path, monkeypatch):
    network = derived()
    monkeypatch.setattr("scansearch.export.exported_program.scan_operator", lambda: None)
    with pytest.raises(
        UnsupportedError, match=r"it calls scansearch\.torch_scan\.default, which only this package has"
    ):
        TORCH_EXPORT.write(network, tmp_path)
