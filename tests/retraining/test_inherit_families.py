"""What networks of every family inherit of their supernets: branches rescaled, or as they are where they were added up."""

import pytest
import torch

import scansearch
from scansearch.models import Selection
from scansearch.models.mixer import BranchMixer
from scansearch.registry import MODELS
from scansearch.retraining.from_supernet import fitted_factors, kept_of_supernet
from scansearch.runs.run import Run
from scansearch.shape import ImageShape
from scansearch.training.events import Silent

SHAPE = ImageShape(8, 8, channels=1, classes=10)
NAMES = ["h", "h_flip", "v", "v_flip", "w2"]
KEPT = [(0, 3), (4, 1, 2)]
FAMILIES = {
    "local_vim_nano": {"depth": 2, "patch_size": 2},
    "vim_tiny": {"embed_dim": 16, "depth": 2, "patch_size": 2, "d_state": 4},
    "local_vmamba_nano": {"depths": [1, 1], "patch_size": 2},
    "vmamba_tiny": {"embed_dim": 8, "depths": [1, 1], "patch_size": 2, "d_state": 4},
    "vmamba_tiny_s1l8": {"embed_dim": 8, "depths": [1, 1], "patch_size": 2},
}
NORMALISED = ["local_vmamba_nano", "vmamba_tiny", "vmamba_tiny_s1l8"]
"""Families whose mixer normalises the sum of its branches."""


def supernet_of(model, names=NAMES):
    """With branches of very different sizes and layers that matter, as training leaves them."""
    torch.manual_seed(0)
    made = MODELS.get(model).configure(**FAMILIES[model], scan_backend="torch").supernet([names] * 2, SHAPE).eval()
    with torch.no_grad():
        for mixer in mixers(made):
            for weight in (mixer.in_proj.weight, mixer.out_proj.weight):
                torch.nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
            torch.nn.init.normal_(mixer.x_proj_weight, std=mixer.inner**-0.5)
            mixer.D.normal_()
            mixer.scale_branches(torch.tensor([2.0, 10.0, 30.0, 7.0, 20.0])[: len(names)])
    return made


def mixers(network):
    return [module for module in network.modules() if isinstance(module, BranchMixer)]


def inherited(supernet, selections, images):
    """As ``kept_of_supernet`` derives."""
    network = supernet.derive([[NAMES[i] for i in selection.indices] for selection in selections])
    for mixer, factors in zip(mixers(network), fitted_factors(supernet, selections, images), strict=True):
        mixer.scale_branches(factors)
    return network


@pytest.mark.parametrize("model", FAMILIES)
def test_scaling_a_branch_multiplies_what_it_gives(model):
    made = MODELS.get(model).configure(**FAMILIES[model], scan_backend="torch", attention="none")
    mixer = mixers(made.supernet([NAMES] * 2, SHAPE))[0]
    hidden = torch.randn(2, 17 if model == "vim_tiny" else 16, mixer.in_proj.in_features)
    hidden = hidden.unflatten(1, (4, 4)) if model in NORMALISED else hidden
    before, factors = [mixer.summed(hidden, Selection((i,))) for i in range(5)], torch.tensor([0.5, 2.0, 0.0, 3.0, 1.0])
    mixer.scale_branches(factors)
    for i, factor in enumerate(factors):
        torch.testing.assert_close(mixer.summed(hidden, Selection((i,))), factor * before[i], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", FAMILIES)
@pytest.mark.parametrize("kept", [KEPT, [(0, 1, 2, 3, 4)] * 2], ids=["some", "all"])
def test_the_inherited_network_is_nearer_to_the_mixture(model, kept):
    supernet, images = supernet_of(model), torch.randn(20, 1, 8, 8)
    selections = [Selection(chosen, torch.full((len(chosen),), 1 / len(chosen))) for chosen in kept]
    with torch.no_grad():
        wanted = supernet(images, selections)
        plain = supernet.derive([[NAMES[i] for i in chosen] for chosen in kept])(images)
        found = inherited(supernet, selections, images)(images)
    assert (found - wanted).norm() < 0.9 * (plain - wanted).norm()


@pytest.mark.parametrize("model", FAMILIES)
def test_no_other_factors_are_nearer(model):
    supernet, images = supernet_of(model), torch.randn(20, 1, 8, 8)  # in two parts
    selections, hidden = [Selection(kept, torch.rand(len(kept)).softmax(0)) for kept in KEPT], {}
    factors = fitted_factors(supernet, selections, images)
    for number, mixer in enumerate(mixers(supernet)):
        mixer.register_forward_pre_hook(lambda _, given, number=number: hidden.__setitem__(number, given[0]))
    with torch.no_grad():
        supernet(images, selections)
        inputs = dict(hidden)  # before mixers whose sum is all that they give are called again
        for number, (mixer, selection) in enumerate(zip(mixers(supernet), selections, strict=True)):
            given = inputs[number]
            branches = torch.stack([mixer.summed(given, Selection((i,))).flatten() for i in selection.indices]).double()
            branches = branches / (len(branches) if mixer.mean else 1)  # as the derived network weighs them
            target = mixer.summed(given, selection).flatten().double()
            best = (factors[number].double() @ branches - target).square().sum()
            for step in torch.eye(len(branches)).double() * 0.01 * factors[number].max():
                for moved in (factors[number] + step, (factors[number] - step).clamp(min=0)):
                    assert best <= (moved @ branches - target).square().sum() * (1 + 1e-5)


@pytest.mark.parametrize("model", NORMALISED)
def test_of_a_space_of_one_branch_a_normalising_mixer_inherits_what_the_supernet_computes(model):
    supernet, images = supernet_of(model, NAMES[:1]), torch.randn(20, 1, 8, 8)
    selections = [Selection((0,), torch.ones(1))] * 2
    with torch.no_grad():
        found, wanted = inherited(supernet, selections, images)(images), supernet(images, selections)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("model", FAMILIES)
def test_of_branches_that_were_added_up_all_is_inherited_exactly(model, tmp_path):
    """A search by ``single_path``, from which a training would begin."""
    folder = tmp_path / "run"
    settings = {"epochs": 1, "limit": 64, "validation_limit": 20, "batch_size": 32, "scan_backend": "torch"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scansearch.finish._draw_all", lambda *arguments: None)
        scansearch.search(
            folder, model=model, data="digits", space="global4", strategy="single_path", **settings, **FAMILIES[model]
        )
    run, images = Run.open(folder), torch.randn(4, 1, 8, 8)
    supernets = []
    with pytest.MonkeyPatch.context() as patch:
        kind = type(MODELS.get(model))
        made = kind.supernet
        patch.setattr(kind, "supernet", lambda *arguments: supernets.append(made(*arguments)) or supernets[-1])
        network = kept_of_supernet(run, run.genotype.directions, torch.device("cpu"), Silent()).eval()
    supernet, found = supernets[-1].eval(), run.genotype.directions
    kept = [Selection(tuple(map(names.index, layer))) for names, layer in zip(supernet.candidates, found, strict=True)]
    with torch.no_grad():
        torch.testing.assert_close(network(images), supernet(images, kept), rtol=1e-5, atol=1e-6)
    trained = scansearch.train(
        tmp_path / "trained",
        genotype=folder,
        inherit=folder,
        **{**settings, "lr": 1e-6, "min_lr": 1e-6, "weight_decay": 0.0, "ema": 0.0},
    )
    for name, value in network.state_dict().items():
        torch.testing.assert_close(trained.state_dict()[name], value, rtol=0, atol=1e-4)
