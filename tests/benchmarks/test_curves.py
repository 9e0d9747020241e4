"""Known answers on real training: the layouts, the plan at equal time, what chance gives, and that a long run goes on."""

from __future__ import annotations

from itertools import chain, combinations
from statistics import fmean

import numpy as np
import pytest
import torch
from scipy import stats

from benchmarks import curves
from benchmarks.curve_figure import draw, figure_of
from benchmarks.curve_jobs import JUDGED, Search, Task
from benchmarks.curve_noise import noise_of
from benchmarks.curve_table import Row, Worth
from benchmarks.record import Record
from benchmarks.signals import laid_along
from scansearch.errors import ScansearchError
from scansearch.scans import ScanOrder


def double(job):
    if job < 0:
        raise ScansearchError("negative")
    return 2 * job


def f_oneway_of_blocks(values):
    """p of equal columns in a full table, each row with a level of its own (randomised blocks)."""
    rows, columns = values.shape
    across, down = values.mean(1, keepdims=True), values.mean(0)
    left = ((values - across - down + values.mean()) ** 2).sum() / ((rows - 1) * (columns - 1))
    return stats.f.sf(rows * down.var(ddof=1) / left, columns - 1, (rows - 1) * (columns - 1))


def test_who_reads_along_the_order_sees_the_signal():
    few = {"train": 5, "validation": 4, "test": 3}
    along, rows = laid_along("spiral", **few), laid_along("h", **few)
    walked = along.train.images.flatten(1)[:, ScanOrder("spiral").indices(8, 8)]
    assert torch.equal(walked, rows.train.images.flatten(1))
    assert torch.equal(along.test.labels, rows.test.labels)
    assert (len(along.train), len(along.validation), len(along.test)) == (5, 4, 3)


def test_hidden_layouts_follow_from_their_seed():
    first, again, other = (curves.tasks(4, [seed]) for seed in (1, 1, 2))
    assert first == again != other
    assert all(task.answer in task.orders and len(set(task.orders)) == len(curves.ORDERS) for task in first)
    assert [task.answer for task in curves.tasks(2)] == list(curves.LAYOUTS[:2])
    assert curves.tasks(4, [1, 2]) == first + other
    assert curves.tasks(4, [1, 1]) == first
    assert curves.tasks(4, [1], both=True) == curves.tasks(4) + first


def test_chance_is_the_mean_over_all_samples():
    pool = [{"validation": v, "test": t} for v, t in ((0.5, 0.4), (0.9, 0.7), (0.7, 0.8), (0.6, 0.1), (0.8, 0.6))]
    for count in range(1, 6):
        best = [max(some, key=lambda one: one["validation"])["test"] for some in combinations(pool, count)]
        assert curves.best_of(pool, count) == pytest.approx(fmean(best))


def test_what_a_search_found_is_worth_the_mean_of_its_trainings():
    record, job = Record(), Search(Task("h"), "darts", 1, 1, 20, False)
    study = curves.Study({}, {}, {("darts", 1): [job]}, record, trainings=3)
    record.found[job.key] = {"directions": [["h"]] * 4}
    record.found |= {one.key: {"test": 0.1 * place} for place, one in enumerate(study.finals(job))}
    assert [one.seed for one in study.finals(job)] == [1001, 1101, 1201]
    assert study.worth(job) == pytest.approx(0.1)


def test_the_spread_of_trainings_is_that_about_the_means_of_genotypes():
    random = np.random.default_rng(0)
    worth, luck = random.normal(0, 10, 200)[:, None], random.normal(0, 2, (200, 4))
    plain, shifted = luck + worth, luck + worth + np.array([0, 0, 1, 0])
    found, other = (noise_of(dict(enumerate(row)) for row in rows) for rows in (plain, shifted))
    assert found.genotypes == 200
    assert found.deviation == pytest.approx(2, rel=0.05)
    assert found.p > 0.05 > 1e-3 > other.p
    assert found.p == pytest.approx(f_oneway_of_blocks(luck), rel=1e-9)
    assert noise_of([{1: 0.5}, {1: 0.7}]) is None


def test_layouts_of_the_same_answer_are_told_apart():
    given = [Task("h"), Task("v"), Task("h", tuple(reversed(curves.ORDERS)))]
    study = curves.Study({task: [] for task in given}, {}, {}, Record(), trainings=1)
    assert list(study.labels.values()) == ["h", "v", "h (2)"]


def test_a_layout_is_ahead_by_the_mean_of_its_searches():
    row = Row("s", 3, 1, 0, [0.9, 0.6, 0.5, 0.7], [0.7] * 4, [0.0] * 4, [0.0] * 4, [1.0] * 4, ["h", "h", "v", "v"])
    assert row.ahead == (1, 2)


def test_searches_of_one_layout_are_no_independent_proofs():
    found = [0.8, 0.81, 0.82, 0.9, 0.91, 0.92]
    row = Row("s", 10, 1, 0, found, [0.7] * 6, [0.0] * 6, [0.0] * 6, [1.0] * 6, ["h"] * 3 + ["v"] * 3)
    assert row.by_layout == pytest.approx([11, 21])
    assert row.p == pytest.approx(1 / 4)
    mean, low, high = row.gain
    assert mean == pytest.approx(16)
    assert high - mean == pytest.approx(mean - low) == pytest.approx(5 * stats.t.ppf(0.975, 1))


def test_chance_is_told_for_longer_times_too():
    record, tasks = Record(), [Task("h"), Task("v")]
    pool = {task: [curves.Training(task, d, 0, False) for d in task.drawn(3)] for task in tasks}
    for place, one in enumerate(chain(*pool.values())):
        record.found[one.key] = {"validation": place, "test": place / 10}
    assert curves.Study(pool, {}, {}, record).chance([1, 3, 4]) == pytest.approx({1: 0.25, 3: 0.35})


def test_the_figure_shows_what_each_search_gained_with_the_best_strategy_on_top(tmp_path):
    def row(name, found):
        return Row(name, 10, 1, 0, found, [0.5] * 3, [0.0] * 3, [0.0] * 3, [1.0] * 3, ["h", "v", "w2"])

    worth = Worth([row("better", [0.6, 0.7, 0.8]), row("worse", [0.5, 0.4, 0.6])], {}, {}, "curves", {})
    (axes,) = figure_of(worth).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["worse", "better"]
    gains = [dots.get_offsets()[:, 0].tolist() for dots in axes.collections]
    assert gains == [pytest.approx([0, -10, 10]), pytest.approx([10, 20, 30])]
    draw(worth, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_judging_takes_its_share_of_the_time():
    rates = {"epoch": 2.0, "judgement": 0.1}
    assert curves.planned("darts", 10, rates, tiny=False) == (40, 20)
    epochs, judged = curves.planned("random_search", 10, rates, tiny=False)
    assert (epochs, judged) == (30, 200)
    assert epochs * rates["epoch"] + judged * rates["judgement"] == 80


@pytest.mark.parametrize("strategy", [name for name, shares in JUDGED.items() if len(shares) > 1])
def test_all_judgements_are_spent(strategy):
    settings = Search(Task("h"), strategy, 0, 1, 400, False).settings
    children = settings.get("generations", 1) * (settings.get("mutations", 0) + settings.get("crossovers", 0))
    assert settings["population"] + children + settings.get("cycles", 0) == 400


def test_settings_stand_behind_a_strategy():
    plain, chosen = (
        Search(Task("h"), name, 0, 1, 40, False) for name in ("single_path", "single_path,pick=expected,sandwich=2")
    )
    assert chosen.settings == {**plain.settings, "pick": "expected", "sandwich": 2}
    assert chosen.key != plain.key
    rates = {"epoch": 2.0, "judgement": 0.1}
    assert len({curves.planned(one.strategy, 10, rates, tiny=False) for one in (plain, chosen)}) == 1


@pytest.mark.parametrize(
    ("strategy", "timed"),
    [
        ("darts", "darts"),
        ("single_path,pick=expected", "single_path"),
        ("gumbel,alpha_warmup=0.5", "gumbel"),
        ("single_path,pick=expected,sandwich=2", "single_path,sandwich=2"),
    ],
)
def test_settings_that_make_an_epoch_longer_are_timed(strategy, timed):
    assert curves.timed_as(strategy) == timed


def test_a_record_goes_on_where_it_was_cut_off(tmp_path):
    path = tmp_path / "record.jsonl"
    with pytest.raises(ScansearchError):
        Record(path).fill({"a": 1, "b": -1}, double, 1, "doubling")
    path.write_text(path.read_text() + '\n{"key": "b", "va')
    record = Record(path)
    assert record.found == {"a": 2}
    record.fill({"a": 5, "b": 3}, double, 1, "doubling")
    assert Record(path).found == {"a": 2, "b": 6}
