"""The files for LocalMamba do, run against a stand-in for its code, what its own model files and settings do."""

from __future__ import annotations

import re

import pytest
from localmamba_stand_in import RELEASED, build, export, searched, settings_of

from scansearch.errors import RunFolderError, ScansearchError, UnsupportedError
from scansearch.export.derived import DerivedNetwork
from scansearch.export.localmamba import LOCALMAMBA
from scansearch.genotype import Genotype, published

PUBLISHED = ["local_vim_tiny", "local_vim_tiny_fixed", "local_vmamba_tiny", "local_vmamba_small"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_genotype_comes_out_as_it_went_in(name, tmp_path):
    genotype = published(name)
    snippet, detection, segmentation = export(genotype, tmp_path)
    assert build(snippet)[2]["directions"] == genotype.directions
    for text in (detection, segmentation):
        assert settings_of(text)["model"]["backbone"]["directions"] == genotype.directions


def test_local_vim_is_the_model_of_local_mamba(tmp_path):
    snippet = export(published("local_vim_tiny"), tmp_path, "local_vim_tiny")[0]
    name, model, settings = build(snippet, pretrained=False, drop_path_rate=0.3, num_classes=10)
    assert name == "scansearch_local_vim_tiny"
    assert model == "VisionMamba"
    settings.pop("directions")
    assert settings == {
        "patch_size": 16, "embed_dim": 192, "depth": 20, "rms_norm": True, "residual_in_fp32": True, "fused_add_norm": True,
        "final_pool_type": "mean", "if_abs_pos_embed": True, "if_rope": True, "if_rope_residual": True, "bimamba_type": "v2",
        "drop_path_rate": 0.3, "num_classes": 10, "img_size": 224, "channels": 3,
    }  # fmt: skip
    assert f"timm_{name}" in snippet


def test_local_vmamba_is_the_model_of_local_mamba(tmp_path):
    name, model, settings = build(export(published("local_vmamba_tiny"), tmp_path)[0], num_classes=10)
    assert name == "scansearch_local_vssm_tiny_first"
    assert model == "VSSM"
    settings.pop("directions")
    assert settings == {
        "dims": [96, 192, 384, 768], "depths": [2, 2, 9, 2], "patch_size": 4, "in_chans": 3, "drop_path_rate": 0.2, "num_classes": 10,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("genotype", "network"),
    [
        (published("local_vim_tiny"), {"embed_dim": 192, "depth": 20, "patch_size": 16}),
        (searched("local_vim_small", 20), {"embed_dim": 384, "depth": 20, "patch_size": 16}),
        (searched("local_vim_search", 20), {"embed_dim": 128, "depth": 20, "patch_size": 16}),
        (searched("local_vim_micro", 6, RELEASED, (8, 8, 1, 10)), {"embed_dim": 32, "depth": 6, "patch_size": 1}),
        (searched("local_vim_micro", 6, RELEASED, (64, 64, 3, 2)), {"embed_dim": 32, "depth": 6, "patch_size": 4}),
        (
            searched("local_vim_tiny", 3, {"depth": 3, "embed_dim": 64, "patch_size": 8, "d_state": 4, "expand": 1}),
            {"embed_dim": 64, "depth": 3, "patch_size": 8, "ssm_cfg": {"d_state": 4, "expand": 1}},
        ),
    ],
)
def test_the_network_is_the_one_that_was_searched(genotype, network, tmp_path):
    snippet, *texts = export(genotype, tmp_path)
    names = ("embed_dim", "depth", "patch_size", "ssm_cfg")
    for settings in (build(snippet)[2], *(settings_of(text)["model"]["backbone"] for text in texts)):
        assert {name: settings[name] for name in names if name in settings} == network
    if genotype.shape:
        images = {"img_size": genotype.shape.height, "channels": genotype.shape.channels}
        assert {name: build(snippet)[2][name] for name in images} == images
        assert build(snippet, img_size=32)[2]["img_size"] == 32


@pytest.mark.parametrize(
    ("genotype", "says"),
    [
        (published("vim_tiny"), "the sum of the directions in the place of their mean"),
        (published("vmamba_tiny"), "'vmamba_tiny' is another network"),
        (searched("elsewhere", 4), "model 'elsewhere' of this genotype is not known here"),
        (Genotype.from_directions([["h"]] * 20), "this genotype names no model"),
        (searched("local_vim_tiny", 4), "local_vim_tiny has 20 layers, but this one has 4; set depth=4"),
        (searched("local_vim_micro", 6, RELEASED, (32, 64, 3, 2)), "square images alone for LocalVim .* 32 x 64"),
        (searched("local_vmamba_tiny", 15, shape=(224, 256, 3, 2), kept=("h", "v")), "another inverse of v"),
        (searched("local_vim_micro", 6, shape=(32, 32, 3, 2)), "attention over channels alone, reduced by 8"),
        (searched("local_vim_tiny", 20, {"reduction": 4}), "attention over channels alone, reduced by 8"),
        (searched("local_vim_tiny", 20, kept=("h", "w3")), "windows that are filled up .*windows=padded"),
        (Genotype.from_directions([["h"]] * 6, model="local_vim_micro"), "does not say what images"),
        (searched("local_vim_tiny", 20, {"nonsense": 1}), "unknown option of model local_vim_tiny 'nonsense'"),
        (searched("local_vim_tiny", 20, {"patch_size": "big"}), "model option patch_size takes"),
    ],
)
def test_a_network_that_local_mamba_does_not_have_is_refused_with_the_reason(genotype, says, tmp_path):
    reason = LOCALMAMBA.applies(DerivedNetwork(genotype))
    assert re.search(says, reason)
    assert "\n" not in reason
    with pytest.raises(ScansearchError) as caught:
        LOCALMAMBA.write(DerivedNetwork(genotype), tmp_path / "out")
    assert str(caught.value) == reason
    assert not (tmp_path / "out").exists()


def test_files_of_an_earlier_result_go_and_those_of_others_stay(tmp_path):
    export(published("local_vim_tiny"), tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "scansearch_local_vim_mine.py").write_text("# my own\n")
    ours = {path.name for path in tmp_path.iterdir() if LOCALMAMBA.owns(path)}
    assert ours == {f"scansearch_local_vim_tiny_first{kind}.py" for kind in ("", "_mmdet", "_mmseg")}
    written, gone = LOCALMAMBA.refresh(DerivedNetwork(searched("local_vim_small", 20)), tmp_path)
    assert {path.name for path in gone} == ours
    written_again, gone = LOCALMAMBA.refresh(DerivedNetwork(searched("elsewhere", 4)), tmp_path)
    assert (written_again, set(gone)) == ([], set(written))
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "scansearch_local_vim_mine.py"}


@pytest.mark.parametrize("depth", [4, 5, 6, 7, 24])
def test_the_outputs_are_layers_that_there_are(depth, tmp_path):
    genotype = searched("local_vim_tiny", depth, {"depth": depth})
    for text in export(genotype, tmp_path)[1:]:
        outputs = settings_of(text)["model"]["backbone"]["out_indices"]
        assert outputs == sorted(set(outputs))
        assert outputs[-1] == depth - 1
        assert outputs[0] >= 0


@pytest.mark.parametrize("order", ["w7_col", "w2_col_flip"])
def test_an_order_that_local_mamba_does_not_know_is_refused_in_one_line(order, tmp_path):
    genotype = Genotype.from_directions([["h", "v"], ["h", order]])
    with pytest.raises(UnsupportedError, match=rf"^LocalMamba's code loads .* layer 2 uses '{order}'; .*$") as caught:
        LOCALMAMBA.write(DerivedNetwork(genotype), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("order", ["hilbert", "h_flip_flip", "w0", "w٣", "w7'", "w2, __import__('os')", "v\n"])
def test_a_direction_that_was_never_checked_is_refused_too(order, tmp_path):
    layer = published("local_vim_tiny").layers[0].model_copy(update={"directions": ("h", order)})
    genotype = published("local_vim_tiny").model_copy(update={"layers": (layer,)})
    with pytest.raises(UnsupportedError) as caught:
        LOCALMAMBA.write(DerivedNetwork(genotype), tmp_path)
    assert "\n" not in str(caught.value)


def test_the_same_genotype_gives_the_same_files(tmp_path):
    genotype = published("local_vim_tiny")
    assert export(genotype, tmp_path / "a") == export(genotype, tmp_path / "b")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"^cannot write [^\n]*$"):
        LOCALMAMBA.write(DerivedNetwork(published("local_vim_tiny")), tmp_path / "file")
