"""The tables of planted problems and of decoys, from tiny searches and from made-up hits."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

from benchmarks import decoys, planted
from scansearch.errors import ScansearchError
from scansearch.strategy.gradient import gradient_strategy


def shown(result):
    console = Console(width=200)
    with console.capture() as capture:
        console.print(result.table())
    return capture.get()


def test_a_tiny_run_prints_a_row_a_strategy():
    (result,) = planted.run(2, ["darts", "single_path"], tiny=True)
    text = shown(result)
    assert all(word in text for word in ("random sampling", "1 in 3,375", "33%", "darts", "single_path", " of 2"))
    assert "3,375 genotypes" in result.title
    assert [len(row.found) for row in result.rows] == [2, 2]
    assert {row["name"] for row in result.to_dict()["rows"]} == {"darts", "single_path"}


def test_every_hit_counts_and_the_interval_is_exact():
    hits = planted.Hits("mine", [True] * 9 + [False], [1.0] * 9 + [0.5], [1.0] * 10)
    assert hits.interval == pytest.approx((0.555, 0.9975), abs=1e-3)  # Clopper and Pearson, from tables
    assert hits.chance(0.5) == pytest.approx(11 / 2**10)
    never = planted.Hits("never", [False] * 10, [0.3] * 10, [1.0] * 10)
    result = planted.HitRates([never, hits], {"nni_search": "needs NNI"}, 3375, 1 / 3, "title")
    lines = shown(result).splitlines()
    assert lines[1].split()[:3] == ["random", "sampling", "1"]
    assert lines[2].split() == ["mine", "9", "of", "10", "90%", "55%", "-", "100%", "2e-31", "95%", "1.0"]
    assert lines[-1].strip() == "nni_search did not run: needs NNI"
    assert [line.split()[1] for line in result.missed()] == ["never", "nni_search"]


def test_searches_that_warned_are_told_apart():
    warned = planted.Hits("late", [True, False, True], [1.0] * 3, [1.0] * 3, [True, True, False])
    assert warned.found_though_warned == "1 of 2"
    assert planted.Hits("early", [True], [1.0], [1.0], [False]).found_though_warned == ""


def test_a_search_with_settings_whose_weights_learn_all_first_is_counted(monkeypatch):
    monkeypatch.setattr(gradient_strategy, "LEARNT", 0.0)
    late, early = planted.run(1, ["darts,alpha_warmup=0.5,epochs=2", "darts,alpha_warmup=0"], tiny=True)[0].rows
    assert (late.strategy, late.warned, early.warned) == ("darts,alpha_warmup=0.5,epochs=2", [True], [False])


def test_a_strategy_that_cannot_run_is_told_and_the_others_go_on(monkeypatch):
    def find(name, seeds, *, tiny):
        if name == "broken":
            raise ScansearchError("needs something")
        return planted.Hits(name, [True], [1.0], [1.0])

    monkeypatch.setattr(planted, "find", find)
    (result,) = planted.run(1, ["broken", "darts"])
    assert result.absent == {"broken": "needs something"}
    assert [row.strategy for row in result.rows] == ["darts"]


def test_settings_for_all_come_before_those_of_a_strategy():
    assert planted.settings_of("darts") == planted.TRAIN
    assert planted.settings_of("partial_channel")["parts"] == 2
    assert planted.settings_of("evolution", tiny=True)["cycles"] == 2


def test_tiny_decoys_count_what_each_layer_keeps():
    (result,) = decoys.run(1, ["darts"], tiny=True)
    (row,) = result.rows
    assert result.odds.mean == pytest.approx(4 / 3)
    assert len(row.decoys[0]) == 2
    assert all(0 <= number <= 4 for number in row.decoys[0])
    assert row.interval[0] <= row.mean <= row.interval[1]
    assert "1.33" in shown(result)


def test_a_strategy_that_keeps_decoys_is_missed():
    odds = decoys.Odds(candidates=12, decoys=4, keep=4)
    rows = [decoys.Kept("good", [[0, 1], [1, 0]], odds), decoys.Kept("bad", [[2, 2], [1, 2]], odds)]
    result = decoys.DecoysKept(rows, {}, odds, "title")
    assert [line.split()[1] for line in result.missed()] == ["bad"]


def test_chance_keeps_so_few_decoys_with_the_probability_that_sampling_says():
    odds = decoys.Odds(candidates=12, decoys=4, keep=4)
    random = np.random.default_rng(0)
    drawn = random.hypergeometric(4, 8, 4, size=(100_000, 3)).sum(1)
    assert drawn.mean() == pytest.approx(3 * odds.mean, rel=0.01)
    for most in range(8):
        assert odds.at_most(most, 3) == pytest.approx((drawn <= most).mean(), abs=0.006)
    assert odds.at_most(12, 3) == pytest.approx(1)


def test_intervals_of_decoys_hold_also_where_all_layers_agree():
    low, high = decoys.Kept("same", [[1, 1], [1, 1]], decoys.Odds(12, 4, 4)).interval
    assert (low, high) == pytest.approx((4 * 0.0727, 4 * 0.5238), abs=1e-3)  # Clopper and Pearson for 4 of 16


def test_decoys_need_the_folder_that_was_named(tmp_path):
    with pytest.raises(ScansearchError, match="the data root .* is empty"):
        decoys.run(1, ["darts"], root=tmp_path, tiny=True)
