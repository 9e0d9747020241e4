"""The files for LocalMamba do, run against a stand-in for its code, what its own model files and settings do."""

from __future__ import annotations

import ast
import keyword
import re

import pytest
from torch import nn

from scansearch.errors import RunFolderError, ScansearchError, UnsupportedError
from scansearch.export.derived import DerivedNetwork
from scansearch.export.localmamba import LOCALMAMBA, function_name
from scansearch.export.localmamba_models import VMAMBA_DEPTHS
from scansearch.genotype import Genotype, published, published_names
from scansearch.models import BackboneSpec
from scansearch.models.local_vim import LocalVimSpec
from scansearch.registry import MODELS

SAFE = re.compile(r"(local_vim|local_vssm)[a-z0-9_]*_searched")
HOSTILE = [
    "x'; import os; os.system('touch hacked') #",
    'local_vim"""\nraise SystemExit',
    "../../etc/passwd",
    "a\r\nb\u2028import os",
    "класс",
    "9 lives",
    "",
    "_",
    "class",
    "None",
    "m" * 5000,
    "local_vim",
    "LOCAL_VIM Tiny (v2)",
    "ⅷ‿x",
]


class Registry:
    """LocalMamba's module: a decorator that registers, and model classes that remember what they were given."""

    def __init__(self):
        self.functions = {}
        self.built = []

    def register_model(self, function):
        self.functions[function.__name__] = function
        return function

    def model(self, name):
        def build(**settings):
            self.built.append((name, settings))
            return name

        return build

    def run(self, text):
        scope = {
            "__builtins__": {},  # the snippet needs nothing but what its home module has
            "register_model": self.register_model,
            "VisionMamba": self.model("VisionMamba"),
            "VSSM": self.model("VSSM"),
        }
        exec(compile(text, "snippet", "exec"), scope)
        return self


def export(genotype, folder):
    paths = LOCALMAMBA.write(DerivedNetwork(genotype), folder)
    assert all(path.parent == folder for path in paths)
    assert sorted(paths) == sorted(folder.iterdir())
    return [path.read_text() for path in paths]


def build(text, **arguments):
    registry = Registry().run(text)
    ((name, function),) = registry.functions.items()
    function(**arguments)
    ((model, settings),) = registry.built
    return name, model, settings


def settings_of(text):
    scope = {"__builtins__": {"dict": dict}}
    exec(compile(text, "config", "exec"), scope)
    return scope


@pytest.mark.parametrize("name", published_names())
def test_a_published_genotype_comes_out_as_it_went_in(name, tmp_path):
    genotype = published(name)
    snippet, detection, segmentation = export(genotype, tmp_path)
    assert build(snippet)[2]["directions"] == genotype.directions
    for text in (detection, segmentation):
        assert settings_of(text)["model"]["backbone"]["directions"] == genotype.directions


def test_local_vim_is_the_model_of_local_mamba(tmp_path):
    snippet = export(published("local_vim_tiny"), tmp_path)[0]
    name, model, settings = build(snippet, pretrained=False, drop_path_rate=0.3, num_classes=10)
    assert name == "local_vim_tiny_searched"
    assert model == "VisionMamba"
    settings.pop("directions")
    assert settings == {
        "patch_size": 16, "embed_dim": 192, "depth": 20, "rms_norm": True, "residual_in_fp32": True, "fused_add_norm": True,
        "final_pool_type": "mean", "if_abs_pos_embed": True, "if_rope": True, "if_rope_residual": True, "bimamba_type": "v2",
        "drop_path_rate": 0.3, "num_classes": 10, "img_size": 224, "channels": 3,
    }  # fmt: skip
    assert f"--model timm_{name}" in snippet


def test_local_vmamba_is_the_model_of_local_mamba(tmp_path):
    name, model, settings = build(export(published("local_vmamba_tiny"), tmp_path)[0], num_classes=10)
    assert name == "local_vssm_tiny_searched"
    assert model == "VSSM"
    settings.pop("directions")
    assert settings == {
        "dims": [96, 192, 384, 768], "depths": [2, 2, 9, 2], "ssm_d_state": 16, "drop_path_rate": 0.2, "num_classes": 10,
    }  # fmt: skip


def searched(model, layers, options=None, shape=(224, 224, 3, 1000), kept=("h", "w2_flip")):
    height, width, channels, classes = shape
    images = {"height": height, "width": width, "channels": channels, "classes": classes}
    return Genotype.from_directions([list(kept)] * layers, model=model, options=options or {}, shape=images)


@pytest.mark.parametrize(
    ("genotype", "network"),
    [
        (published("local_vim_tiny"), {"embed_dim": 192, "depth": 20, "patch_size": 16}),
        (published("vim_tiny"), {"embed_dim": 192, "depth": 24, "patch_size": 16}),
        (searched("local_vim_small", 20), {"embed_dim": 384, "depth": 20, "patch_size": 16}),
        (searched("local_vim_search", 20), {"embed_dim": 128, "depth": 20, "patch_size": 16}),
        (searched("local_vim_micro", 6, shape=(8, 8, 1, 10)), {"embed_dim": 32, "depth": 6, "patch_size": 1}),
        (searched("local_vim_micro", 6, shape=(64, 64, 3, 2)), {"embed_dim": 32, "depth": 6, "patch_size": 4}),
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
        (searched("local_vim_tiny", 20), []),
        (searched("local_vim_tiny", 20, {"attention": "channel_spatial"}), ["attention over channels alone"]),
        (searched("local_vim_tiny", 20, {"class_token": "middle"}), ["the mean of the tokens"]),
        (searched("local_vim_tiny", 20, {"reduction": 4, "windows": "padded"}, kept=("h", "w3")), ["attention"]),
    ],
)
def test_what_local_mamba_does_otherwise_stands_in_the_files(genotype, says, tmp_path):
    for text in export(genotype, tmp_path):
        remarks = [line for line in text.splitlines() if line.startswith("# Not as in the search")]
        assert len(remarks) == len(says)
        assert all(phrase in remark for phrase, remark in zip(says, remarks, strict=True))


def test_windows_that_local_mamba_fills_up_stand_in_the_files(tmp_path):
    layers = [{"grid": [14, 14], "directions": ["w3", "h"]}] * 20
    genotype = Genotype.from_dict({"model": "local_vim_tiny", "options": {}, "layers": layers})
    assert all("windows filled up with zero tokens" in text for text in export(genotype, tmp_path))


@pytest.fixture
def own_network():
    """A model of the user's own, known in this process."""
    spec = BackboneSpec("own", "mine", lambda shape: nn.Identity())
    MODELS.register("own", spec)
    yield "own"
    MODELS.unregister("own")


@pytest.mark.parametrize(
    ("genotype", "says"),
    [
        (searched("own", 4), "'own' is another network"),
        (searched("elsewhere", 4), "model 'elsewhere' of this genotype is not known here"),
        (Genotype.from_directions([["h"]] * 20), "this genotype names no model"),
        (searched("local_vim_tiny", 4), "local_vim_tiny with these options has 20 layers, but this genotype has 4"),
        (searched("local_vim_micro", 6, shape=(32, 64, 3, 2)), "takes square images, .* 32 x 64"),
        (
            Genotype.from_directions([["h"]] * 6, model="local_vim_micro"),
            "it is not known how large they were; add patch_size",
        ),
        (searched("local_vim_tiny", 20, {"nonsense": 1}), "unknown option of model local_vim_tiny 'nonsense'"),
        (searched("local_vim_tiny", 20, {"patch_size": "big"}), "model option patch_size takes"),
        (searched("local_vmamba_tiny", 4), "stages of 2, 2, 9, 2 layers"),
    ],
)
def test_a_network_that_local_mamba_does_not_have_is_refused_with_the_reason(own_network, genotype, says, tmp_path):
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
    (tmp_path / "local_vim_mine_searched.py").write_text("# my own\n")
    ours = {path.name for path in tmp_path.iterdir() if LOCALMAMBA.owns(path)}
    assert ours == {f"local_vim_tiny_searched{kind}.py" for kind in ("", "_mmdet", "_mmseg")}
    written, gone = LOCALMAMBA.refresh(DerivedNetwork(searched("local_vim_small", 20)), tmp_path)
    assert {path.name for path in gone} == ours
    written_again, gone = LOCALMAMBA.refresh(DerivedNetwork(searched("elsewhere", 4)), tmp_path)
    assert (written_again, set(gone)) == ([], set(written))
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "local_vim_mine_searched.py"}


def test_detection_and_segmentation_settings_of_local_vim(tmp_path):
    _, *texts = export(published("local_vim_tiny"), tmp_path)
    detection, segmentation = map(settings_of, texts)
    assert detection["custom_imports"] == {"imports": ["vitdet", "model"]}
    assert segmentation["custom_imports"] == {"imports": ["model"]}
    for scope, size, outputs in ((detection, 1024, [19]), (segmentation, 512, [4, 9, 14, 19])):
        backbone = scope["model"]["backbone"]
        assert set(backbone) == {
            "_delete_", "type", "directions", "pretrained_ckpt", "img_size", "patch_size", "embed_dim", "depth", "rms_norm",
            "residual_in_fp32", "fused_add_norm", "final_pool_type", "if_abs_pos_embed", "if_rope", "if_rope_residual",
            "bimamba_type", "out_indices",
        }  # fmt: skip
        assert backbone["type"] == "MM_LocalVim"
        assert backbone["img_size"] == (size, size)
        assert backbone["out_indices"] == outputs


@pytest.mark.parametrize(
    ("name", "depths"), [("local_vmamba_tiny", [2, 2, 9, 2]), ("local_vmamba_small", [2, 2, 27, 2])]
)
def test_detection_and_segmentation_settings_of_local_vmamba(name, depths, tmp_path):
    for text in export(published(name), tmp_path)[1:]:
        backbone = settings_of(text)["model"]["backbone"]
        directions = backbone.pop("directions")
        assert len(directions) == sum(depths)
        assert backbone == {
            "_delete_": True, "type": "MM_LocalVSSM", "pretrained": None, "dims": 96, "depths": depths, "ssm_d_state": 16,
            "ssm_dt_rank": "auto", "ssm_ratio": 2.0, "out_indices": [0, 1, 2, 3],
        }  # fmt: skip


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 6, 7, 24])
def test_the_outputs_are_layers_that_there_are(depth, tmp_path):
    genotype = searched("local_vim_tiny", depth, {"depth": depth}, kept=("h", "w3_flip"))
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


def test_a_hierarchical_genotype_of_another_depth_is_refused_in_one_line(tmp_path):
    layers = [{"stage": stage, "directions": ["h", "v"]} for stage in (0, 1, 2, 3)]
    with pytest.raises(
        UnsupportedError, match=r"^LocalMamba's local_vmamba_tiny has stages .*but the 4 layers .*; .*$"
    ):
        LOCALMAMBA.write(DerivedNetwork(Genotype.from_dict({"model": "local_vmamba_tiny", "layers": layers})), tmp_path)


@pytest.mark.parametrize("model", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_the_model_is_called_the_files_are_safe(model, tmp_path, monkeypatch):
    fields = {"model": model, "search": {"note": "'''\nimport os"}, "extra": '"""\nimport os'}
    genotype = Genotype.from_directions([["h", "v"]], options={}, **fields)
    folder = tmp_path / "out"
    if model in MODELS:
        texts = export(genotype.model_copy(update={"options": {"depth": 1}}), folder)
    else:
        # Past the registry, which refuses such names: the exporter does not rely on that.
        monkeypatch.setitem(MODELS._registered, model, LocalVimSpec(model, "", patch_size=16, depth=1))
        texts = export(genotype, folder)
    name, _, settings = build(texts[0])
    assert SAFE.fullmatch(name)
    assert name.isidentifier()
    assert not keyword.iskeyword(name)
    assert "local_vim" in name
    assert len(name) < 100
    assert settings["directions"] == [["h", "v"]]
    kinds = [[type(node) for node in ast.parse(text).body] for text in texts]
    assert kinds == [[ast.FunctionDef], [ast.Assign, ast.Assign], [ast.Assign, ast.Assign]]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_vmamba_is_registered_where_local_mamba_looks_for_it():
    for model in VMAMBA_DEPTHS:
        name = function_name(Genotype.from_directions([["h"]], model=model))
        assert name.startswith("local_vssm")
        assert SAFE.fullmatch(name)


def test_the_same_genotype_gives_the_same_files(tmp_path):
    genotype = published("local_vim_tiny")
    assert export(genotype, tmp_path / "a") == export(genotype, tmp_path / "b")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"^cannot write [^\n]*$"):
        LOCALMAMBA.write(DerivedNetwork(published("local_vim_tiny")), tmp_path / "file")
