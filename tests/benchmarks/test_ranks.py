"""Rank correlation of supernets with networks trained alone: the statistics, the table, and that the ways differ as they are named."""

import numpy as np
import pytest
import torch
from rich.console import Console
from scansearch.strategies.darts import Darts
from scansearch.strategies.single_path import SinglePath
from scipy.stats import kendalltau

from benchmarks import ranks
from benchmarks.ranks import Ranked, Ranks
from scansearch.errors import ScansearchError
from scansearch.models import Selection
from scansearch.registry import DATASETS, STRATEGIES

ALONE = [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.2, 0.1, 0.3, 0.4, 0.6, 0.5]]
GOOD, BAD = [0.5, 0.6, 0.7, 0.75, 0.8, 0.9], [0.9, 0.8, 0.7, 0.6, 0.55, 0.5]


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr(ranks, "RESAMPLES", 49)


def result(**more):
    rows = [Ranked("darts", "equal weights", [BAD]), Ranked("darts", "shares", [GOOD, GOOD])]
    return Ranks(rows, more.get("absent", {}), more.get("alone", ALONE), "title")


def test_a_supernet_that_ranks_like_training_alone_correlates_fully():
    made = result(alone=ALONE[:1])
    bad, good = made.rows
    assert made.agreement(good, kendalltau) == pytest.approx((1, 1, 1))
    assert made.agreement(bad, kendalltau) == pytest.approx((-1, -1, -1))
    assert made.gain(bad) is None
    assert made.gain(good) == pytest.approx((2, 2, 2))


def test_the_interval_is_that_of_genotypes_drawn_with_replacement():
    made = Ranks([Ranked("darts", "shares", [[0.5, 0.4, 0.7, 0.75, 0.6, 0.9]])], {}, ALONE, "title")
    tau, low, high = made.agreement(made.rows[0], kendalltau)
    assert tau == pytest.approx(kendalltau(made.rows[0].scores[0], made.truth).statistic)
    assert -1 < low < tau < high <= 1
    assert made.agreement(made.rows[0], kendalltau) == (tau, low, high)


def test_supernets_that_say_the_same_of_all_rank_nothing():
    made = Ranks([Ranked("darts", "shares", [[0.1] * 6])], {}, ALONE, "title")
    assert made.agreement(made.rows[0], kendalltau) == (0, 0, 0)


def test_the_table_has_a_group_a_strategy_and_ends_with_what_training_alone_is_worth():
    console = Console(width=200)
    with console.capture() as capture:
        console.print(result(absent={"nni_search": "no nni"}).table())
    lines = capture.get().splitlines()
    assert [line[:16].strip() for line in lines[1:6]] == ["darts", "equal weights", "shares", "trained alone", "spread"]
    assert lines[2].endswith("67.5%")
    assert lines[4].split()[2:] == ["0.73", "0.89", "35.0%"]
    assert lines[6].startswith("nni_search did not run: no nni")


def test_images_that_judge_supernets_are_neither_trained_by_nor_those_of_the_test():
    parts = ranks.cut(DATASETS.get("digits").read(None), 1000, 300, 10_000)
    seen = [
        {image.numpy().tobytes() for image in split.batch(torch.arange(len(split)))[0]}
        for split in (parts.train, parts.validation, parts.test)
    ]
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [1000, 300, 497]
    assert sum(map(len, seen)) == len(set.union(*seen))


def test_genotypes_differ_and_are_the_same_every_time():
    with ranks.images(ranks.NAME, None, lambda parts: ranks.cut(parts, 64, 32, 32)):
        _, bound = ranks.searched(1)
    drawn = ranks.drawn(bound, 20)
    assert drawn == ranks.drawn(bound, 20)
    assert len(set(drawn)) == 20
    with pytest.raises(
        ScansearchError, match="ranks has 66 different genotypes on these images, but --genotypes asks for 67"
    ):
        ranks.drawn(bound, 67)
    assert {len(kept) for choice in drawn for kept in choice} == {ranks.KEEP}


def test_branches_are_judged_with_equal_weights_on_the_same_channels():
    (one,) = ranks.equal([Selection((1, 3), torch.tensor([0.9, 0.1]), part=(0, 4))])
    assert one.weights.tolist() == [0.5, 0.5]
    assert (one.indices, one.part) == ((1, 3), (0, 4))


@pytest.mark.parametrize(
    ("name", "kind", "ways"),
    [
        ("darts", Darts, ["equal weights", "shares", "shares, sandwich"]),
        ("single_path", SinglePath, ["as drawn", "as drawn, sandwich"]),
    ],
)
def test_each_way_is_judged_by_supernets_of_its_own(name, kind, ways, monkeypatch):
    asked = []

    class Evaluate:
        def __call__(self, selections):
            asked.append(selections)
            return 0.5

    def search(strategy, seed, sandwich, **settings):
        made = STRATEGIES.get(strategy)(kind.Settings(sandwich=sandwich))
        made.derived = lambda choice: [Selection(kept, torch.tensor([0.9, 0.1])) for kept in choice]
        made.finish(Evaluate())

    monkeypatch.setattr(ranks, "search", search)
    rows = ranks.supernets(name, [((0, 1),), ((2, 3),)], 2)
    assert [row.way for row in rows] == ways
    assert [np.shape(row.scores) for row in rows] == [(2, 2)] * len(rows)
    assert len(asked) == 4 * len(rows)
    assert "ranks" not in STRATEGIES
