"""Our networks as models of timm: of timm itself where it can be imported, else of a stand-in for its registry."""

from __future__ import annotations

import pickle
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest
import timm_stand_in
import torch

import scansearch
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype

HAS_TIMM = find_spec("timm") is not None
NANO = {
    "local_vim_nano": {"depth": 2, "patch_size": 2},
    "vim_tiny": {"depth": 2, "patch_size": 2, "embed_dim": 8},
    "local_vmamba_nano": {"depths": [1, 1], "patch_size": 2},
    "vmamba_tiny": {"depths": [1, 1], "patch_size": 2, "embed_dim": 8},
    "vmamba_tiny_s1l8": {"depths": [1, 1], "patch_size": 2, "embed_dim": 8},
}
GENOTYPE = Genotype.from_directions([["h", "v"], ["h_flip", "w2"]])


@pytest.fixture(scope="module")
def timm():
    if HAS_TIMM:
        found = import_module("timm")
        import_module("scansearch.timm_models")
        yield found
        return
    with pytest.MonkeyPatch.context() as patch:
        for name, module in timm_stand_in.modules().items():
            patch.setitem(sys.modules, name, module)
        import_module("scansearch.timm_models")
        yield sys.modules["timm"]
        del sys.modules["scansearch.timm_models"]


@pytest.fixture
def made(timm):
    def make(model="local_vim_nano", **kwargs):
        torch.manual_seed(0)
        given = {"genotype": GENOTYPE, "img_size": 8, "in_chans": 2, "num_classes": 5, **NANO[model], **kwargs}
        return timm.create_model(f"scansearch_{model}", **given)

    return make


def test_every_model_of_our_families_is_there(timm):
    from scansearch.registry import MODELS

    assert {f"scansearch_{name}" for name in MODELS.names()} <= set(timm.list_models("scansearch_*"))


@pytest.mark.parametrize("model", NANO)
def test_it_is_the_same_network(model, made):
    network = made(model).eval()
    torch.manual_seed(0)
    ours = scansearch.build(model, genotype=GENOTYPE, num_classes=5, image_size=8, in_channels=2, **NANO[model]).eval()
    images = torch.randn(3, 2, 8, 8)
    assert network.state_dict().keys() == ours.state_dict().keys()
    with torch.no_grad():
        torch.testing.assert_close(network(images), ours(images))
    assert network.no_weight_decay() == ours.no_weight_decay()


@pytest.mark.parametrize("model", NANO)
def test_features_head_and_classes(model, made):
    network, images = made(model).eval(), torch.randn(3, 2, 8, 8)
    with torch.no_grad():
        features = network.forward_features(images)
        assert features.shape[-1] == network.num_features == network.head_hidden_size
        assert features.ndim == (3 if model in ("local_vim_nano", "vim_tiny") else 4)
        torch.testing.assert_close(network.forward_head(features), network(images))
        pooled = network.forward_head(features, pre_logits=True)
        network.reset_classifier(0)
        assert network.num_classes == 0
        torch.testing.assert_close(network(images), pooled)
        network.reset_classifier(7)
        assert network(images).shape == (3, 7)
    assert (network.num_classes, network.shape.classes) == (7, 7)
    assert network.get_classifier().out_features == 7
    torch.testing.assert_close(made(model, num_classes=0).eval()(images).shape, torch.Size((3, network.num_features)))


@pytest.mark.parametrize("model", NANO)
def test_what_the_data_pipeline_reads(model, made):
    network = made(model, img_size=(8, 12), pretrained_cfg_overlay={"crop_pct": 1.0})
    told = network.pretrained_cfg
    assert network.default_cfg is told
    assert (told["input_size"], told["num_classes"], told["crop_pct"]) == ((2, 8, 12), 5, 1.0)
    assert (told["mean"], told["std"]) == ((0.5, 0.5), (0.5, 0.5))
    for place in (told["classifier"], told["first_conv"]):
        assert isinstance(network.get_submodule(place), (torch.nn.Linear, torch.nn.Conv2d))


@pytest.mark.parametrize("model", NANO)
def test_layers_for_learning_rates_of_their_own(model, made):
    network = made(model)
    numbers, number = network.layer_numbers(), network.group_matcher(coarse=False)
    assert {name: number(name) for name, _ in network.named_parameters()} == numbers
    assert number("layers.0") == 1
    assert sorted(set(numbers.values())) == [0, 1, 2, 3]


@pytest.mark.skipif(not HAS_TIMM, reason="timm is not installed")
@pytest.mark.parametrize("model", NANO)
def test_timms_optimiser_decays_and_scales_as_ours(model, made):
    from timm.optim import create_optimizer_v2

    from scansearch.runs.settings import TrainSettings
    from scansearch.training.parameter_groups import parameter_groups

    network = made(model)
    theirs = create_optimizer_v2(network, opt="adamw", lr=1e-3, weight_decay=0.05, layer_decay=0.5).param_groups
    ours = parameter_groups(network, TrainSettings(lr=1e-3, weight_decay=0.05, layer_decay=0.5))
    told = [
        {id(p): (g["lr_scale"], g["weight_decay"]) for g in groups for p in g["params"]} for groups in (theirs, ours)
    ]
    assert told[0] == told[1]


def test_a_trained_run_gives_its_weights(made, tmp_path):
    genotype = Genotype.from_directions([["h", "v"]] * 2, model="local_vim_nano", options={"depth": 2, "patch_size": 2})
    settings = {"limit": 64, "batch_size": 32, "scan_backend": "torch", "epochs": 1}
    run = tmp_path / "run"
    trained = scansearch.train(run, genotype=genotype, data="digits", **settings)
    sizes = {"img_size": None, "in_chans": None, "depth": None, "patch_size": None}
    same = made(genotype=str(run), pretrained=True, num_classes=None, **sizes)
    assert same.pretrained_cfg["input_size"] == (1, 8, 8)
    for name, value in trained.state_dict().items():
        assert torch.equal(same.state_dict()[name], value), name
    other = made(genotype=str(run), pretrained=True, num_classes=3, **sizes)
    assert torch.equal(other.layers[0].mixer.D, trained.layers[0].mixer.D)
    assert other.num_classes == 3


def test_by_default_it_is_the_published_genotype(timm):
    network = timm.create_model(
        "scansearch_local_vim_tiny", img_size=32, num_classes=2, drop_path_rate=0.2, drop_rate=0.0
    )
    assert network.candidates == [tuple(names) for names in scansearch.published("local_vim_tiny").directions]
    assert network.options.drop_path == 0.2


def test_a_whole_network_can_be_saved(made):
    network = made()
    again = pickle.loads(pickle.dumps(network))
    assert type(again) is type(network)


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"genotype": None}, "local_vim_nano needs genotype=: a run folder, a genotype file, or one of local_vim_tiny"),
        ({"genotype": "nowhere"}, "'nowhere' is neither a run folder"),
        ({"depth": 3}, "has 3 layers"),
        ({"drop_rate": 0.1}, "no dropout before their head, but got drop_rate=0.1"),
        ({"global_pool": "max"}, "got global_pool='max'; leave it out"),
        ({"features_only": True}, "unknown option of model local_vim_nano 'features_only'"),
        ({"pretrained": True}, "pretrained=True takes the weights of a training"),
        ({"img_size": 9}, "the patch size must divide the image"),
        ({"img_size": "large"}, "a side of image_size must be an integer"),
    ],
)
def test_what_cannot_be_is_one_line(kwargs, says, made):
    with pytest.raises(ScansearchError) as caught:
        made(**kwargs)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_gradient_checkpointing_is_refused(made):
    network = made()
    network.set_grad_checkpointing(False)
    with pytest.raises(ScansearchError, match="mixture=recompute"):
        network.set_grad_checkpointing()


def test_without_timm_one_line_says_what_is_missing():
    code = "import sys; sys.modules['timm.models'] = sys.modules['timm'] = None; import scansearch.timm_models"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert (
        'timm cannot be imported (import of timm.models halted; None in sys.modules); pip install "scansearch[timm]", '
        in last
    )
