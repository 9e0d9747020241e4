"""Networks trained from scratch inside a search, and searches that need no supernet."""

import signal
from itertools import count

import pytest
import torch
from lightning_fabric import Fabric

import scansearch
from scansearch.errors import InterruptedRunError, ScansearchError
from scansearch.models import Selection
from scansearch.registry import DATASETS, MODELS, STRATEGIES
from scansearch.searching import from_scratch
from scansearch.searching.assemble import start
from scansearch.searching.configure import make_config
from scansearch.searching.from_scratch import TrainedFromScratch, shortened, train_from_scratch
from scansearch.shape import ImageShape
from scansearch.space import SearchSpace, find_space
from scansearch.strategy import Strategy, Traits
from scansearch.training.evaluate import Measured
from scansearch.training.events import Silent
from scansearch.training.feed import Feed
from scansearch.training.interrupt import StopRequest
from scansearch.training.weights import Weights


class Pick(Strategy):
    """Judges two genotypes, trained alone."""

    description = "a test"
    seen: list = []  # noqa: RUF012

    traits = Traits(trains_supernet=False)

    def select(self, step):
        return [Selection((0, 1)) for _ in self.space]

    def scores(self):
        return [torch.full((len(layer.candidates),), 1 / len(layer.candidates)).double() for layer in self.space]

    def finish(self, evaluate):
        before = torch.get_rng_state()
        one, other = (((i, i + 1),) * len(self.space) for i in (0, 2))
        self.seen[:] = [evaluate.from_scratch(one, 2), evaluate.from_scratch(other, 2), evaluate.from_scratch(one, 2)]
        assert torch.equal(before, torch.get_rng_state())


@pytest.fixture
def pick():
    STRATEGIES.register("pick", Pick)
    yield "pick"
    STRATEGIES.unregister("pick")


def test_a_network_is_trained_alone_the_same_way_every_time(pick, tmp_path):
    config = make_config(
        space=find_space("global4"),
        strategy=pick,
        model="local_vim_nano",
        data="digits",
        assignments=["limit=192", "depth=1", "lr=0.02"],
    )
    start(config, tmp_path / "run")
    first, second, again = Pick.seen
    assert first == again != second
    assert 0 < first < 1
    assert (tmp_path / "run" / "metrics.csv").read_text().count("\n") <= 1  # the supernet was not trained


def test_the_genotype_tells_the_accuracy_that_decided_and_none_of_a_supernet(tmp_path):
    run = {"model": "local_vim_nano", "depth": 1, "limit": 64, "data": "digits", "batch_size": 32}
    genotype = scansearch.search(
        tmp_path / "run", strategy="random_search", judge="training", judge_epochs=1, samples=2, **run
    )
    rows = (tmp_path / "run" / "genotypes.csv").read_text().splitlines()[1:]
    assert genotype.search["trained_accuracy"] == pytest.approx(max(float(row.split(",")[1]) for row in rows))
    assert not {"supernet_accuracy", "derived_accuracy"} & set(genotype.search)


def test_a_front_of_networks_trained_alone_says_so(tmp_path):
    run = {"model": "local_vim_nano", "depth": 1, "limit": 64, "data": "digits", "batch_size": 32, "keep": [1, 4]}
    scansearch.search(tmp_path / "run", strategy="random_search", judge="training", judge_epochs=1, samples=6, **run)
    for path in (tmp_path / "run" / "front").iterdir():
        assert 0 < scansearch.load_genotype(path).search["trained_accuracy"] <= 1


TWO = SearchSpace(name="two", candidates=("h", "h_flip", "v", "v_flip"), keep=2)


class Astray(Pick):
    def finish(self, evaluate):
        """Nothing."""

    def choose(self):
        return ((0, 1, 2),) * len(self.space)


def test_a_choice_outside_the_space_is_not_written(tmp_path):
    STRATEGIES.register("astray", Astray)
    try:
        with pytest.raises(ScansearchError, match="^strategy astray chose .* which is not in space 'two'"):
            scansearch.search(tmp_path / "run", strategy="astray", space=TWO, model="local_vim_nano", limit=64)
    finally:
        STRATEGIES.unregister("astray")
    assert not (tmp_path / "run" / "genotype.json").exists()


SHAPE = ImageShape(8, 8, channels=1, classes=10)
DIRECTIONS = [["h", "v_flip"], ["w2", "v", "h_flip"]]


def alone(feed, config, directions=DIRECTIONS):
    spec = MODELS.get("local_vim_nano").configure(depth=2, patch_size=2, drop_path=0.2, scan_backend="torch")
    return spec, train_from_scratch(spec, directions, config, feed, Silent())


@pytest.fixture
def digits():
    config = make_config(
        space=find_space("default8"), strategy="darts", model="local_vim_nano", data="digits",
        settings={"epochs": 2, "batch_size": 16, "limit": 64, "flip": 0.5},
    )  # fmt: skip
    data = DATASETS.get("digits").load(limit=64)
    return config, data, Feed(data, config.augment, 16, config.seed, Fabric(accelerator="cpu", devices=1))


def test_a_network_trained_alone_is_a_supernet_of_its_directions_trained_with_all_of_them(digits):
    config, _, feed = digits
    spec, network = alone(feed, config)
    torch.manual_seed(config.seed)
    supernet = spec.supernet(DIRECTIONS, SHAPE)
    everything = [Selection(tuple(range(len(names)))) for names in DIRECTIONS]
    weights = Weights(supernet, config.train, feed.steps_per_epoch, feed.fabric)
    for step in range(weights.steps):
        weights.set_rate(step)
        weights.backward(feed.train(step), everything)
        weights.update()
    assert weights.steps == 8
    for name, value in supernet.state_dict().items():
        assert torch.equal(network.supernet.state_dict()[name], value), name


@pytest.fixture
def judge(digits, tmp_path):
    config, data, feed = digits
    spec = MODELS.get("local_vim_nano").configure(depth=2, patch_size=2, scan_backend="torch")
    bound = find_space("global4").bind([(4, 4)] * 2)
    made = TrainedFromScratch(spec, bound, data, config, feed.fabric, tmp_path)
    return lambda epochs, seed=0, report=None: made(
        bound.choice([["h", "v"], ["v", "h_flip"]]), epochs, seed, StopRequest(), report
    )


@pytest.fixture
def passes(monkeypatch):
    """The splits that are read."""
    found, over = [], Feed.over
    monkeypatch.setattr(
        Feed, "over", lambda self, split, limit=None: (found.append(split), over(self, split, limit))[1]
    )
    return found


def test_a_judgement_validates_once_and_the_random_numbers_of_the_search_do_not_notice(judge, passes, digits):
    before = torch.get_rng_state()
    assert 0 < judge(3) < 1
    assert torch.equal(before, torch.get_rng_state())
    assert passes == [digits[1].validation]


def test_reports_do_not_change_a_training_and_may_end_it(judge, passes):
    told = []
    whole = judge(2)
    assert judge(2, report=lambda epoch, accuracy: told.append((epoch, accuracy))) == whole
    assert [epoch for epoch, _ in told] == [1, 2]
    assert told[-1][1] == whole
    assert len(passes) == 1 + 2
    assert judge(2, report=lambda epoch, accuracy: epoch == 1) == told[0][1]
    assert len(passes) == 1 + 2 + 1


def test_several_trainings_have_seeds_of_their_own(judge):
    assert judge(1) == judge(1) != judge(1, seed=1)


def test_a_short_training_warms_up_for_a_quarter_at_most(digits):
    config, *_ = digits
    assert shortened(config, 2).train.model_dump() == {**config.train.model_dump(), "epochs": 2, "warmup_epochs": 0.5}
    assert shortened(config, 20).train.warmup_epochs == config.train.warmup_epochs == 1


def by_the_weights(network, split, feed):
    """An accuracy that every network has for its own, however little it has learned."""
    return Measured(0.0, float(sum(p.detach().double().abs().sum() for p in network.parameters())) * 1000 % 1)


def test_a_run_stopped_in_the_midst_of_a_training_that_may_be_pruned_resumes_byte_for_byte(tmp_path, monkeypatch):
    run = {
        "model": "local_vim_nano", "depth": 1, "limit": 64, "data": "digits", "batch_size": 32,
        "strategy": "optuna_search", "judge": "training", "judge_epochs": 3, "pruner": "hyperband", "trials": 6,
    }  # fmt: skip
    monkeypatch.setattr(from_scratch, "evaluate", by_the_weights)
    whole = scansearch.search(tmp_path / "whole", **run)
    steps, stepped = count(1), from_scratch._Recorder.stepped

    def signalled(self, progress):
        if next(steps) == 9:
            signal.raise_signal(signal.SIGINT)
        stepped(self, progress)

    monkeypatch.setattr(from_scratch._Recorder, "stepped", signalled)
    with pytest.raises(InterruptedRunError, match="while genotype .* was trained from scratch"):
        scansearch.search(tmp_path / "cut", **run)
    resumed = scansearch.resume(tmp_path / "cut")
    assert resumed.layers == whole.layers
    for name in ("genotypes.csv", "scores.csv", "metrics.csv"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert len((tmp_path / "whole" / "genotypes.csv").read_text().splitlines()) < 1 + 6  # some were pruned
