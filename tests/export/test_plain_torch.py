"""The plain PyTorch file computes our logits and gradients, with published names, and needs nothing of ours."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types

import pytest
import torch
from plain_files import check_same, derived, exported, load

from scansearch.errors import ScansearchError
from scansearch.export.derived import DerivedNetwork
from scansearch.export.plain_torch import PLAIN
from scansearch.genotype import Genotype, published


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((6, 6), {}),
        ((6, 6), {"attention": "channel"}),
        ((6, 6), {"attention": "none", "expand": 1, "d_conv": 3, "dt_rank": 2}),
        ((6, 6), {"class_token": "middle"}),
        ((5, 7), {"windows": "padded"}),
        ((5, 7), {"windows": "cut"}),
        ((5, 7), {"class_token": "middle", "windows": "cut", "attention": "channel"}),
        ((6, 12), {"class_token": "middle", "windows": "padded"}),
        ((8, 4), {"patch_size": 2, "reduction": 2}),
    ],
    ids=str,
)
def test_logits_and_gradients_are_ours(size, options, tmp_path):
    check_same(derived(size, **options), tmp_path)


def test_in_float32_as_well(tmp_path):
    network = derived()
    images = torch.randn(2, 2, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(
            exported(network, tmp_path).build()(images), network.build()(images), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("windows", ["cut", "padded"])
def test_orders_that_it_does_not_compute_are_tables(windows, tmp_path):
    network = derived((4, 6), [["hilbert", "snake_flip", "w2x3"]], windows=windows)
    images = torch.randn(2, 2, 4, 6)
    module = exported(network, tmp_path)
    assert set(module.ORDERS) == {(name, (4, 6)) for name in network.genotype.layers[0].directions}
    with torch.no_grad():
        torch.testing.assert_close(module.build()(images), network.build()(images), rtol=1e-5, atol=1e-6)


def test_a_state_dict_has_the_published_names_and_goes_back(tmp_path):
    network = derived()
    ours, theirs = network.build(), exported(network, tmp_path).build()
    state = theirs.state_dict()
    assert {name: value.shape for name, value in state.items()} == {
        name: value.shape for name, value in network.spec.official_state_dict(ours).items()
    }
    again = DerivedNetwork(network.genotype).build()
    network.spec.load_official(again, state)
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)


def test_it_is_imported_where_there_is_torch_alone(tmp_path):
    network = derived()
    (path, weights), images = PLAIN.write(network, tmp_path), torch.randn(2, 2, 6, 6)
    torch.save(images, tmp_path / "images.pt")
    code = (
        "import sys, torch\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        f"import {path.stem} as exported\n"
        f"torch.save(exported.build()(torch.load({str(tmp_path / 'images.pt')!r})), {str(tmp_path / 'logits.pt')!r})\n"
        "print(*sorted(m for m in sys.modules if m.partition('.')[0] in ('scansearch', 'safetensors', 'pydantic')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr
    torch.testing.assert_close(torch.load(tmp_path / "logits.pt"), network.build()(images), rtol=1e-5, atol=1e-6)
    assert weights == path.with_suffix(".pt")


def test_without_weights_it_begins_as_ours_does(tmp_path):
    network = DerivedNetwork(derived(directions=[["h", "v"]] * 8, embed_dim=64, attention="channel").genotype)
    assert [path.suffix for path in PLAIN.write(network, tmp_path)] == [".py"]
    module = load(tmp_path / f"{network.name}.py")
    assert module.WEIGHTS is None
    found = module.build().state_dict()
    for name, value in network.spec.official_state_dict(network.build()).items():
        if value.numel() >= 100:  # of fewer, little can be said
            fresh, spread = found[name], value.std(correction=0)
            assert abs(fresh.std(correction=0) - spread) <= 0.25 * spread + 1e-6, name
            assert abs(fresh.mean() - value.mean()) <= 0.5 * spread + 1e-6, name


def test_initial_weights_are_said_to_be_such(tmp_path):
    network = DerivedNetwork(derived().genotype).with_initial_weights()
    text = PLAIN.write(network, tmp_path)[0].read_text()
    assert "this network was not trained" in text
    assert "this network was not trained" not in PLAIN.write(derived(), tmp_path / "trained")[0].read_text()


def test_drop_path_acts_in_training_alone(tmp_path):
    network = derived(drop_path=0.5)
    module = exported(network, tmp_path)
    assert module.DROP_PATH == 0.5
    theirs, ours, images = module.build(), network.build(), torch.randn(64, 2, 6, 6)
    found = []
    with torch.no_grad():
        torch.testing.assert_close(theirs(images), ours(images), rtol=1e-5, atol=1e-6)
        for net in (theirs.train(), ours.train()):
            torch.manual_seed(1)
            found.append(net(images))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)


def test_on_a_gpu_it_takes_the_scan_of_mamba_ssm(tmp_path, monkeypatch):
    seen = []

    class OnGpu(torch.Tensor):
        is_cuda = True

    def fast(u, delta, A, B, C, D):
        seen.append([tuple(t.shape) for t in (u, delta, A, B, C, D)])
        return "scanned"

    interface = types.ModuleType("mamba_ssm.ops.selective_scan_interface")
    interface.selective_scan_fn = fast
    module = exported(derived(), tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "selective_scan_cuda")
    for name in ("mamba_ssm", "mamba_ssm.ops"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    inputs = [torch.zeros(shape) for shape in ((2, 16, 9), (2, 16, 9), (16, 3), (2, 3, 9), (2, 3, 9), (16,))]
    assert module.selective_scan(inputs[0].as_subclass(OnGpu), *inputs[1:]) == "scanned"
    assert seen == [[tuple(t.shape) for t in inputs]]
    assert module.selective_scan(*inputs).shape == (2, 16, 9)


@pytest.mark.parametrize(
    ("genotype", "says"),
    [
        (Genotype.from_directions([["h"]] * 20, model="local_vim_tiny"), "does not say what images"),
        (Genotype.from_directions([["h"]]), "does not say what images"),
        (published("local_vim_tiny").model_copy(update={"model": None}), "names no model"),
        (
            published("local_vim_tiny").model_copy(update={"model": "local_vim_micro"}),
            "has 6 layers, but this one has 20",
        ),
    ],
)
def test_what_cannot_be_written_is_one_line(genotype, says, tmp_path):
    reason = PLAIN.applies(DerivedNetwork(genotype))
    assert says in reason
    assert "\n" not in reason
    with pytest.raises(ScansearchError) as caught:
        PLAIN.write(DerivedNetwork(genotype), tmp_path / "out")
    assert str(caught.value) == reason
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("title", ['x"""\nimport os', "'; import os #", "..", "9 lives", "класс", "m" * 500])
def test_whatever_it_is_called_the_file_is_safe(title, tmp_path):
    network = derived()
    genotype = network.genotype.model_copy(update={"search": {"strategy": '"""\nimport os', "source": title}})
    (path,) = PLAIN.write(DerivedNetwork(genotype, title=title), tmp_path)
    assert path.stem.isidentifier()
    assert path.parent == tmp_path
    assert not hasattr(load(path), "os")
