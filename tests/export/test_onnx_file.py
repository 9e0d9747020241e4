"""ONNX Runtime on a CPU gives our logits from the files, for any number of images."""

from __future__ import annotations

import pytest
import torch

from scansearch.errors import UnsupportedError
from scansearch.export import onnx_file
from scansearch.export.derived import DerivedNetwork
from scansearch.export.onnx_file import ONNX
from scansearch.genotype import Genotype, published


def derived(size, directions=(("h", "v_flip", "w3"),), **options):
    shape = {"height": size[0], "width": size[1], "channels": 1, "classes": 3}
    options = {"patch_size": 1, "embed_dim": 8, "d_state": 4, **options, "depth": len(directions)}
    genotype = Genotype.from_directions(
        list(map(list, directions)), model="local_vim_nano", options=options, shape=shape
    )
    return DerivedNetwork(genotype, title="a run").with_initial_weights()


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((8, 5), {"windows": "padded"}),
        pytest.param((8, 8), {}, marks=pytest.mark.slow),
        pytest.param((14, 14), {"attention": "channel", "class_token": "middle"}, marks=pytest.mark.slow),
        pytest.param((4, 4), {"directions": (("h", "snake"),) * 3, "attention": "none"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_onnx_runtime_gives_our_logits(size, options, tmp_path):
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    network = derived(size, **options)
    (path,) = ONNX.write(network, tmp_path)
    assert path.name == f"{network.name}.onnx"
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import if not opset.domain] == [("", 18)]
    said = {prop.key: prop.value for prop in model.metadata_props}
    assert (said["trained"], "Model: local_vim_nano" in said["scansearch"]) == ("no", True)
    session, ours = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"]), network.build()
    assert session.get_inputs()[0].shape == ["batch", 1, *size]
    for count in (1, 5):
        images = torch.randn(count, 1, *size)
        (logits,) = session.run(["logits"], {"images": images.numpy()})
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(logits), ours(images), rtol=0, atol=1e-4)


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None)
    reason = ONNX.applies(DerivedNetwork(published("local_vim_tiny")))
    assert reason == 'ONNX files need onnx and onnxscript; pip install "scansearch[onnx]"'


def test_without_weights_it_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: name)
    network = DerivedNetwork(published("local_vim_tiny"))
    with pytest.raises(UnsupportedError, match="add --untrained for initial ones"):
        ONNX.write(network, tmp_path)
    assert "add --untrained" in ONNX.applies(network)
