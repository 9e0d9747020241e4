"""Networks trained alone inside a search, and searches that need no supernet."""

import pytest
import torch

from scansearch.engine.search import start
from scansearch.engine.settings import make_config
from scansearch.engine.strategy import Strategy
from scansearch.errors import ScansearchError
from scansearch.models import Selection
from scansearch.registry import STRATEGIES
from scansearch.space import find_space


class Pick(Strategy):
    """Judges two genotypes, trained alone."""

    description = "a test"
    seen: list = []  # noqa: RUF012

    @property
    def trains_supernet(self):
        return False

    def select(self, step):
        return [Selection((0, 1)) for _ in self.space]

    def scores(self):
        return [torch.full((len(layer.candidates),), 1 / len(layer.candidates)).double() for layer in self.space]

    def finish(self, evaluate):
        before = torch.get_rng_state()
        one, other = (((i, i + 1),) * len(self.space) for i in (0, 2))
        self.seen[:] = [evaluate.standalone(one, 2), evaluate.standalone(other, 2), evaluate.standalone(one, 2)]
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
    from scansearch.engine.judge import unavailable

    with pytest.raises(ScansearchError, match="cannot train networks alone; judge them with the supernet"):
        unavailable((), 1, None)
