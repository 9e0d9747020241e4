"""LocalMamba's detection and segmentation configs, weights, and files of whatever name."""

from __future__ import annotations

import ast
import keyword

import pytest
import torch
from localmamba_stand_in import HOSTILE, RELEASED, SAFE, Registry, build, export, searched, settings_of

from scansearch.export.derived import DerivedNetwork
from scansearch.export.localmamba import BASES, LOCALMAMBA
from scansearch.genotype import published
from scansearch.models.local_vim import LocalVimSpec
from scansearch.registry import MODELS
from scansearch.shape import ImageShape


def test_a_control_is_not_said_to_be_searched(tmp_path):
    for text in export(published("local_vim_tiny_fixed"), tmp_path):
        assert "# Directions: not searched" in text
        assert "found by" not in text


def test_the_files_say_what_was_searched(tmp_path):
    for text in export(searched("local_vim_tiny", 20, {"embed_dim": 64}), tmp_path):
        assert "# Model: local_vim_tiny, embed_dim=64." in text
        assert "# Images: 224 x 224, 3 channels, 1000 classes." in text


def test_a_class_token_is_expressed_and_has_no_configs(tmp_path):
    (snippet,) = export(searched("local_vim_tiny", 20, {"class_token": "middle"}), tmp_path)
    settings = build(snippet)[2]
    wanted = {"if_cls_token": True, "use_middle_cls_token": True, "if_rope": False, "if_rope_residual": False}
    assert {name: settings[name] for name in wanted} == wanted
    assert snippet.count("its backbone takes no class token.") == 2


def test_padded_windows_are_expressed(tmp_path):
    assert export(searched("local_vim_tiny", 20, {"windows": "padded"}, kept=("h", "w3")), tmp_path)


@pytest.mark.parametrize(
    ("genotype", "kinds", "says"),
    [
        (searched("local_vim_tiny", 20, {"patch_size": 8}), ["", "_mmseg"], "anchors are for patches of 16 pixels"),
        (searched("local_vim_tiny", 3, {"depth": 3}), ["", "_mmdet"], "takes the outputs of four layers"),
        (searched("local_vim_tiny", 20, shape=(224, 224, 1, 10)), [""], "its images have 3 channels, these 1"),
        (
            searched("local_vmamba_micro", 6, {**RELEASED, "patch_size": 2, "windows": "padded"}, (64, 64, 3, 2)),
            ["", "_mmseg"],
            "patches of 4",
        ),
    ],
)
def test_a_config_that_would_not_run_is_left_out_with_the_reason(genotype, kinds, says, tmp_path):
    snippet = export(genotype, tmp_path)[0]
    (name,) = Registry().run(snippet).functions
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}{kind}.py" for kind in kinds)
    assert says in snippet


def test_weights_are_what_its_dense_code_reads(tmp_path):
    network = DerivedNetwork(searched("local_vim_tiny", 4, {"depth": 4, "embed_dim": 16}, (64, 64, 3, 2)), title="t")
    *_, path = LOCALMAMBA.write(network.with_initial_weights(), tmp_path)
    assert LOCALMAMBA.owns(path)
    found = torch.load(path, weights_only=True)
    assert set(found) == {"state_dict"}
    assert set(found["state_dict"]) == set(network.spec.official_state_dict(network.build()))
    for library in ("mmdet", "mmseg"):
        text = (tmp_path / f"{path.stem}_{library}.py").read_text()
        assert settings_of(text)["model"]["backbone"]["pretrained_ckpt"] == path.name


def test_of_a_network_for_pixels_the_weights_are_those_of_the_backbone(tmp_path):
    genotype = searched("local_vim_tiny", 4, {"depth": 4, "embed_dim": 16})
    shape = ImageShape(64, 64, channels=3, classes=2, dense=True)
    network = DerivedNetwork(genotype.model_copy(update={"shape": shape}), title="t").with_initial_weights()
    *files, weights = LOCALMAMBA.write(network, tmp_path)
    names = set(torch.load(weights, weights_only=True)["state_dict"])
    images = network.spec.network(genotype.directions, ImageShape(64, 64, channels=3, classes=2))
    assert set(network.spec.official_state_dict(images)) - names == {"head.weight", "head.bias"}
    assert not any("dense" in name for name in names)
    assert all("a class for every pixel, is not in this code" in path.read_text() for path in files)


def test_configs_of_local_vim(tmp_path):
    _, *texts = export(searched("local_vim_small", 20), tmp_path)
    detection, segmentation = map(settings_of, texts)
    assert detection["custom_imports"] == {"imports": ["vitdet", "model"]}
    assert segmentation["custom_imports"] == {"imports": ["model"]}
    assert [scope["_base_"] for scope in (detection, segmentation)] == [
        BASES[kind, "VisionMamba"] for kind in ("mmdet", "mmseg")
    ]
    for scope, size, outputs in ((detection, 1024, [19]), (segmentation, 512, [4, 9, 14, 19])):
        backbone = scope["model"].pop("backbone")
        assert set(backbone) == {
            "_delete_", "type", "directions", "pretrained_ckpt", "img_size", "patch_size", "embed_dim", "depth", "rms_norm",
            "residual_in_fp32", "fused_add_norm", "final_pool_type", "if_abs_pos_embed", "if_rope", "if_rope_residual",
            "bimamba_type", "out_indices", "drop_path_rate",
        }  # fmt: skip
        assert backbone["type"] == "MM_LocalVim"
        assert backbone["img_size"] == (size, size)
        assert backbone["out_indices"] == outputs
    assert detection["model"] == {"neck": {"backbone_channel": 384, "in_channels": [96, 192, 384, 384]}}
    assert segmentation["model"] == {"decode_head": {"in_channels": [384] * 4}, "auxiliary_head": {"in_channels": 384}}


@pytest.mark.parametrize(
    ("name", "depths", "drops"),
    [("local_vmamba_tiny", [2, 2, 9, 2], [0.1, 0.1]), ("local_vmamba_small", [2, 2, 27, 2], [0.1, 0.2])],
)
def test_configs_of_local_vmamba(name, depths, drops, tmp_path):
    scopes = [settings_of(text)["model"] for text in export(published(name), tmp_path)[1:]]
    for scope, drop in zip(scopes, drops, strict=True):
        backbone = scope.pop("backbone")
        assert len(backbone.pop("directions")) == sum(depths)
        assert backbone == {
            "_delete_": True, "type": "MM_LocalVSSM", "pretrained": None, "dims": [96, 192, 384, 768], "depths": depths,
            "patch_size": 4, "out_indices": (0, 1, 2, 3), "drop_path_rate": drop,
        }  # fmt: skip
    widths = {"in_channels": [96, 192, 384, 768]}
    assert scopes == [{"neck": widths}, {"decode_head": widths, "auxiliary_head": {"in_channels": 384}}]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("where", ["model", "title"])
def test_whatever_it_is_called_the_files_are_safe(where, text, tmp_path, monkeypatch):
    fields = {"search": {"note": "'''\nimport os", "source": text, "strategy": text}}
    genotype = searched("local_vim_tiny", 1, {"depth": 1}, kept=("h", "v"))
    genotype = genotype.model_copy(update={**fields, **({"model": text} if where == "model" else {})})
    if where == "model":  # past the registry, which refuses such names: the exporter does not rely on that
        monkeypatch.setitem(MODELS._registered, text, LocalVimSpec(text, "", patch_size=16, depth=1))
    folder = tmp_path / "out"
    texts = export(genotype, folder, text if where == "title" else "")
    for number, written in enumerate(texts):
        kinds = [type(node) for node in ast.parse(written).body]
        assert kinds == ([ast.Assign] * 3 if number else [ast.FunctionDef])
    assert texts
    name, _, settings = build(texts[0])
    assert SAFE.fullmatch(name)
    assert not keyword.iskeyword(name)
    assert len(name) < 110
    assert settings["directions"] == [["h", "v"]]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
