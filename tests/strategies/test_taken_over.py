"""Trials of workers that are gone, and of such that come back."""

import sqlite3

import optuna
import pytest
from optuna.trial import TrialState
from study_storage import Killed, url
from test_shared_study import Worth, worker


def silence(storage):
    """As if no worker's heart had beaten for a day."""
    with sqlite3.connect(storage.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE trial_heartbeats SET heartbeat = datetime('now', '-1 day')")


def test_a_trial_that_was_given_away_is_not_judged_by_the_worker_that_comes_back(tmp_path):
    where = url("sqlite", tmp_path)
    late, first = worker(where, trials=8), Worth(3)
    with pytest.raises(Killed):
        late.finish(first)
    silence(where)
    other, second = worker(where, trials=8), Worth(2)
    with pytest.raises(Killed):
        other.finish(second)
    given = [t for t in other._study().trials() if t.state == TrialState.FAIL]
    assert [other.space.choice(t.user_attrs["directions"]) for t in given] == [second.asked[0]]
    again, third = worker(where, trials=8), Worth()
    again.load_state_dict(late.state_dict())
    again.finish(third)
    everything = first.asked + second.asked + third.asked
    assert len(everything) == len(set(everything)) == 8


def test_a_worker_that_comes_back_late_counts_once(tmp_path):
    where = url("sqlite", tmp_path)
    late, other = worker(where, trials=6), worker(where, trials=6)

    class Slow(Worth):
        def __call__(self, selections):
            if len(self.asked) == 2:
                silence(where)
                other.finish(Worth())
            return super().__call__(selections)

    late.finish(Slow())
    done = [trial for trial in late._study().trials() if trial.state == TrialState.COMPLETE]
    assert len(done) == len({str(trial.params) for trial in done}) == 6
    assert late.choose() == other.choose()


def test_a_worker_that_dies_before_it_judges_what_it_took_over_is_missed(tmp_path):
    where = url("sqlite", tmp_path)
    with pytest.raises(Killed):
        worker(where, trials=3).finish(Worth(0))
    for _ in range(2):
        silence(where)
        assert worker(where, trials=3)._study().take_over()


def test_a_trial_that_every_worker_dies_of_is_given_up(tmp_path):
    where, asked = url("sqlite", tmp_path), []
    for _ in range(5):
        judge = Worth(0)
        judge.asked = []
        with pytest.raises(Killed):
            worker(where, trials=3).finish(judge)
        silence(where)
    for trial in worker(where, trials=3)._study().trials():
        asked.append(str(trial.user_attrs["directions"]))
    assert [asked.count(one) for one in dict.fromkeys(asked)] == [4, 1]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_trial_that_was_taken_over_tells_its_history_as_optuna_does(tmp_path):
    where = url("sqlite", tmp_path)
    for _ in range(3):
        with pytest.raises(Killed):
            worker(where, trials=3).finish(Worth(0))
        silence(where)
    trials = worker(where, trials=3)._study().trials()
    told = optuna.storages.RetryHeartbeatStaleTrialCallback
    assert [told.retry_history(trial) for trial in trials] == [[], [0], [0, 1]]
    assert [told.retried_trial_number(trial) for trial in trials] == [None, 0, 0]


def test_a_dead_workers_trial_is_taken_by_one_of_two(tmp_path, monkeypatch):
    """The one who tells first that it failed: the other hears that it is finished already."""
    where = url("sqlite", tmp_path)
    with pytest.raises(Killed):
        worker(where, trials=3).finish(Worth(0))
    silence(where)
    one, other = (worker(where, trials=3)._study() for _ in "ab")
    silent = type(one.storage)._get_stale_trial_ids(one.storage, one.study._study_id)
    monkeypatch.setattr(type(one.storage), "_get_stale_trial_ids", lambda self, study: silent)  # both saw it at once
    assert [one.take_over(), other.take_over()] == [True, False]
    assert [trial.state for trial in one.trials()] == [TrialState.FAIL, TrialState.RUNNING]
