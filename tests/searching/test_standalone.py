"""Networks trained alone inside a search, and searches that need no supernet."""

import pytest
import torch

import scansearch
from scansearch.errors import ScansearchError
from scansearch.models import Selection
from scansearch.registry import STRATEGIES
from scansearch.searching.assemble import start
from scansearch.searching.configure import make_config
from scansearch.space import SearchSpace, find_space
from scansearch.strategy import Strategy, Traits


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
        assignments=["limit=192", "depth=1"],
    )
    start(config, tmp_path / "run")
    first, second, again = Pick.seen
    assert first == again != second
    assert 0 < first < 1
    assert (tmp_path / "run" / "metrics.csv").read_text().count("\n") <= 1  # the supernet was not trained


def test_a_search_that_cannot_train_alone_says_so():
    from scansearch.searching.judge import unavailable

    with pytest.raises(ScansearchError, match="cannot train networks alone; judge them with the supernet"):
        unavailable((), 1, None)


def test_the_genotype_tells_the_accuracy_that_decided_and_none_of_a_supernet(tmp_path):
    run = {"model": "local_vim_nano", "depth": 1, "limit": 64, "data": "digits", "batch_size": 32}
    genotype = scansearch.search(
        tmp_path / "run", strategy="random_search", judge="training", judge_epochs=1, samples=2, **run
    )
    rows = (tmp_path / "run" / "genotypes.csv").read_text().splitlines()[1:]
    assert genotype.search["standalone_accuracy"] == pytest.approx(max(float(row.split(",")[1]) for row in rows))
    assert not {"supernet_accuracy", "derived_accuracy"} & set(genotype.search)


def test_a_front_of_networks_trained_alone_says_so(tmp_path):
    run = {"model": "local_vim_nano", "depth": 1, "limit": 64, "data": "digits", "batch_size": 32, "keep": [1, 4]}
    scansearch.search(tmp_path / "run", strategy="random_search", judge="training", judge_epochs=1, samples=6, **run)
    for path in (tmp_path / "run" / "front").iterdir():
        assert 0 < scansearch.load_genotype(path).search["standalone_accuracy"] <= 1


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
