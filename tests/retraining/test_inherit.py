"""What a training begins with: a supernet's branches, an earlier training's weights, a released checkpoint's."""

import pytest
import torch

import scansearch
from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.genotype import Genotype
from scansearch.models import Selection
from scansearch.registry import MODELS
from scansearch.retraining.from_supernet import fitted_factors, kept_of_supernet
from scansearch.retraining.inherit import Donor, find_inherited, head_of, take_over
from scansearch.retraining.train_run import start_training
from scansearch.runs.run import Run
from scansearch.shape import ImageShape
from scansearch.training.events import Silent

SHAPE = ImageShape(8, 8, channels=1, classes=10)
CANDIDATES = [["h", "h_flip", "v", "v_flip", "w2"]] * 2
KEPT = [(0, 3), (4, 1, 2)]
DIRECTIONS = [["h", "v_flip"], ["w2", "h_flip", "v"]]
FOUR = [["h", "h_flip", "v", "w2"]]


def spec(**options):
    return MODELS.get("local_vim_nano").configure(depth=2, patch_size=2, scan_backend="torch", **options)


@pytest.fixture
def supernet():
    torch.manual_seed(0)
    made = spec().supernet(CANDIDATES, SHAPE).eval()
    with torch.no_grad():
        for layer in made.layers:  # branches of very different sizes, as training leaves them
            layer.mixer.D *= torch.tensor([0.2, 1.0, 3.0, 0.7, 2.0])[:, None]
    return made


def mixture():
    return [Selection(kept, torch.rand(len(kept)).softmax(0)) for kept in KEPT]


@pytest.mark.parametrize(("attention", "error"), [("none", 1e-5), ("channel_spatial", 1e-2)])
def test_scaling_a_branch_multiplies_what_it_gives(attention, error):
    """But for the small number in SCAttn's LayerNorm."""
    torch.manual_seed(0)
    mixer = spec(attention=attention).supernet(CANDIDATES, SHAPE).layers[0].mixer
    hidden = torch.randn(2, 16, 16)
    before = [mixer(hidden, Selection((i,))) for i in range(5)]
    factors = torch.tensor([0.5, 2.0, 0.7, 3.0, 1.0])
    mixer.scale_branches(factors)
    for i, factor in enumerate(factors):
        difference = mixer(hidden, Selection((i,))) - factor * before[i]
        assert difference.norm() < error * before[i].norm()


def test_the_rescaled_sum_is_as_near_to_the_mixture_as_any(supernet):
    images, selections = torch.randn(16, 1, 8, 8), mixture()
    factors = fitted_factors(supernet, selections, images)
    hidden = {}
    for number, layer in enumerate(supernet.layers):
        layer.mixer.register_forward_pre_hook(lambda _, given, number=number: hidden.__setitem__(number, given[0]))
    with torch.no_grad():
        wanted = supernet(images, selections)
        plain = supernet.derive(DIRECTIONS)(images)
        for number, selection in enumerate(selections):
            mixer, inputs = supernet.layers[number].mixer, hidden[number]
            branches = torch.stack([mixer(inputs, Selection((i,))) for i in selection.indices])
            target = mixer(inputs, selection)

            def distance(scales, branches=branches, target=target):
                return float(((scales.view(-1, 1, 1, 1) * branches).sum(0) - target).square().sum())

            best = distance(factors[number])
            assert best < distance(torch.ones(len(selection.indices)))
            for step in torch.eye(len(selection.indices)) * 0.02:
                assert best <= min(distance(factors[number] + step), distance(factors[number] - step)) * (1 + 1e-5)
        network = supernet.derive(DIRECTIONS)
        for layer, scales in zip(network.layers, factors, strict=True):
            layer.mixer.scale_branches(scales)
        inherited = network(images)
    assert (inherited - wanted).norm() < 0.5 * (plain - wanted).norm()


def test_a_plain_sum_is_inherited_as_it_is(searched, monkeypatch):
    run = Run.open(searched)
    kept = [list(names) for names in run.genotype.directions]
    rescaled = kept_of_supernet(run, kept, torch.device("cpu"), Silent())
    monkeypatch.setattr(
        "scansearch.strategies.darts.Darts.derived", lambda self, choice: [Selection(names) for names in choice]
    )
    plain = kept_of_supernet(run, kept, torch.device("cpu"), Silent())
    changed = {
        name for name, value in plain.state_dict().items() if not torch.equal(value, rescaled.state_dict()[name])
    }
    assert changed == {f"layers.{i}.mixer.{kind}" for i in range(2) for kind in ("D", "x_proj_weight")}


def begun(folder, monkeypatch, **arguments):
    """The weights with which a training begins, and what was said."""
    found = []
    told = []

    class StoppedError(Exception):
        pass

    class Told(Silent):
        def warned(self, message):
            told.append(message)

    def run(self):
        found.append({name: value.clone() for name, value in self.network.state_dict().items()})
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr("scansearch.retraining.train_loop.TrainLoop.run", run)
        with pytest.raises(StoppedError):
            scansearch.train(
                folder, listener=Told(), **{"limit": 64, "batch_size": 32, "scan_backend": "torch", **arguments}
            )
    return found[0], told


def test_a_training_begins_with_the_supernets_branches(searched, tmp_path, monkeypatch):
    weights, told = begun(tmp_path / "run", monkeypatch, genotype=searched, inherit=searched)
    run = Run.open(searched)
    kept = kept_of_supernet(run, run.genotype.directions, torch.device("cpu"), Silent())
    assert all(torch.equal(value, weights[name]) for name, value in kept.state_dict().items())
    assert any(f"inherited from {searched}: " in line for line in told)


def test_names_may_come_in_any_order(searched):
    """And ``w7``, which is ``h`` on this grid, stands for it."""
    run, device, images = Run.open(searched), torch.device("cpu"), torch.randn(4, 1, 8, 8)
    names = [["h", "h_flip", "v", "w2"]] * 2
    one = kept_of_supernet(run, names, device, Silent()).eval()
    other = kept_of_supernet(run, [["w2", "v", "w7", "h_flip"], ["h_flip", "w2", "h", "v"]], device, Silent()).eval()
    assert not torch.equal(one.layers[0].mixer.D, other.layers[0].mixer.D)
    torch.testing.assert_close(one(images), other(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("directions", "settings", "says"),
    [
        ([["h", "h_flip", "v", "spiral"], *FOUR], {}, "spiral"),
        ([["h"], *FOUR], {}, "layer 1 may not keep h in space 'default8'; it keeps 4 to 4"),
        (
            FOUR * 2,
            {"embed_dim": 32},
            "do not fit this network; of another shape: pos_embed (1, 16, 16) for (1, 16, 32), ",
        ),
        (FOUR * 3, {"depth": 3}, "has 2 layers here, but got 3"),
    ],
)
def test_what_does_not_fit_the_supernet_is_refused(directions, settings, says, searched, tmp_path):
    genotype = Genotype.from_directions(directions, model="local_vim_nano", options={"depth": 2, "patch_size": 2})
    with pytest.raises(ScansearchError) as caught:
        scansearch.train(tmp_path / "run", genotype=genotype, data="digits", inherit=searched, limit=64, **settings)
    assert says in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_training_goes_on_at_another_resolution_and_with_other_classes(trained, tmp_path, monkeypatch):
    weights, _ = begun(tmp_path / "larger", monkeypatch, genotype=trained.path, inherit=trained.path, image_size=12)
    own = trained.network.state_dict()
    assert weights["pos_embed"].shape == (1, 36, 16)
    assert torch.equal(weights["layers.0.mixer.D"], own["layers.0.mixer.D"])
    assert torch.equal(weights["head.weight"], own["head.weight"])
    fewer = spec().network(DIRECTIONS, ImageShape(8, 8, channels=1, classes=4))
    before = fewer.head.weight.clone()
    donor = spec().network(DIRECTIONS, SHAPE)
    shape = fewer.shape
    note = take_over(fewer, Donor(donor, SHAPE, "x", "y"), shape, head_of(spec(), DIRECTIONS, shape, SHAPE))
    count = len(fewer.state_dict())
    assert note == (
        f"inherited from x: {count - 2} of {count} tensors; new: head, for 4 classes of images; "
        "not taken: head, for 10 classes of images"
    )
    assert torch.equal(fewer.head.weight, before)
    assert torch.equal(fewer.pos_embed, donor.pos_embed)


@pytest.mark.parametrize("form", ["plain.pth", "nested.pt", "weights.safetensors"])
def test_released_weights(form, genotype, tmp_path, monkeypatch):
    from safetensors.torch import save_file

    network = spec().network(genotype.directions, ImageShape(8, 8, channels=1, classes=7))
    official = {f"module.{name}": value.clone() for name, value in spec().official_state_dict(network).items()}
    path = tmp_path / form
    if path.suffix == ".safetensors":
        save_file(official, path)
    else:
        torch.save({"epoch": 3, "model": official} if form == "nested.pt" else official, path)
    weights, told = begun(tmp_path / "run", monkeypatch, genotype=genotype, data="digits", inherit=path)
    assert any("new: head, for 10 classes of images; not taken: head, for 7 classes of images" in line for line in told)
    for name, value in network.state_dict().items():
        assert name.startswith("head.") or torch.equal(value, weights[name]), name


class Anything:
    pass


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"x": Anything()}, "only files of tensors are read, since any other may run code"),
        ({"x": 3}, "weights are a dict of tensors"),
        ({"head.weight": torch.ones(10, 16)}, "these weights are not those of this local_vim_nano"),
        (b"nothing", "only files of tensors are read"),
    ],
)
def test_a_file_that_is_no_such_checkpoint_is_refused_in_one_line(content, says, genotype, tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(ScansearchError) as caught:
        scansearch.train(tmp_path / "run", genotype=genotype, data="digits", inherit=path, limit=64)
    assert says in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_other_directions_are_refused(trained, tmp_path):
    genotype = Genotype.from_directions([["h", "v"], ["w2", "v", "h_flip"]], model="local_vim_nano")
    with pytest.raises(ScansearchError, match="whose layer 1 scans h, v_flip, but here it scans h, v"):
        scansearch.train(
            tmp_path / "run", genotype=genotype, data="digits", inherit=trained.path, depth=2, patch_size=2, limit=64
        )


def test_changed_weights_are_noticed(short, genotype, trained, tmp_path):
    config = short().model_copy(update={"inherit": find_inherited(str(trained.path))})
    wrong = config.inherit.model_copy(update={"digest": "0" * 16})
    with pytest.raises(ScansearchError, match="has changed since the training was begun"):
        start_training(config.model_copy(update={"inherit": wrong}), genotype, tmp_path / "run")


def test_a_mixer_that_cannot_be_scaled_says_so():
    from scansearch.models import SearchableModel, SearchableScan

    model = SearchableModel(torch.nn.Sequential(SearchableScan(lambda: torch.nn.Linear(4, 4), ["h", "v"], (2, 2))))
    with pytest.raises(UnsupportedError, match="cannot be multiplied by a factor"):
        fitted_factors(model, [Selection((0, 1), torch.ones(2))], torch.randn(1, 4, 4))
