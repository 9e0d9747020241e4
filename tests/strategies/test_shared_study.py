"""Studies that are killed at every moment, that many work on, and that are not what they were."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.trial import TrialState, create_trial
from test_black_box import FakeJudge
from toy_search import ToySupernet, space, strategy

from scansearch.engine.search import resume, start
from scansearch.engine.settings import make_config
from scansearch.errors import ScansearchError
from scansearch.space import find_space, views

TRIALS = 12  # TPE learns from the eleventh on
KINDS = {"journal": JournalStorage, "sqlite": RDBStorage}
WRITES = [name for name in sorted(BaseStorage.__abstractmethods__) if name.startswith(("create", "set"))]
WRITES.append("_create_new_trial")  # what RDBStorage's cache calls


class Killed(BaseException):
    pass


def die():
    raise Killed


def url(kind, folder):
    return str(folder / "study.log") if kind == "journal" else f"sqlite:///{folder / 'study.db'}"


@pytest.fixture(params=KINDS)
def storage(request, tmp_path):
    return url(request.param, tmp_path)


@contextmanager
def dying_after(number, kind, die=die):
    """Dies when the storage has done ``number`` writes; yields whether it did."""
    done = [0]

    def counted(method):
        def call(*arguments, **named):
            result = method(*arguments, **named)
            done[0] += 1
            if done[0] == number:
                die()
            return result

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            if not hasattr(KINDS[kind], name):
                continue
            patch.setattr(KINDS[kind], name, counted(getattr(KINDS[kind], name)))
        yield lambda: done[0] >= number


def outcome(found):
    return found.choose(), list(found.accuracies.items())


def killed_and_resumed(number, kind, folder, **settings):
    """The outcome of a search that dies after a write of the storage and is resumed from its first checkpoint; or nothing."""
    state, settings = None, {"storage": url(kind, folder), **settings}
    with dying_after(number, kind) as died:
        try:
            part = strategy("optuna_search", **settings)
            state = part.state_dict()
            part.finish(FakeJudge())
        except Killed:
            pass
    again = strategy("optuna_search", **settings)
    if state is not None:
        again.load_state_dict(state)
    again.finish(FakeJudge())
    trials = again._study().trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * settings["trials"]
    return outcome(again) if died() else None


def every_kill(kind, folder, first=1, **settings):
    whole = strategy("optuna_search", **settings)
    whole.finish(FakeJudge())
    for number in range(first, 1000):
        (folder / str(number)).mkdir()
        found = killed_and_resumed(number, kind, folder / str(number), **settings)
        if found is None:
            return number - 1
        assert found == outcome(whole), f"killed after write {number}"
    raise AssertionError("the search never ended")


def test_whatever_write_a_kill_follows_the_search_ends_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # there is no power cut here, and it is most of the time
    assert every_kill("journal", tmp_path, trials=TRIALS) == 3 + 2 * TRIALS


def test_nsga2_ends_the_same_when_the_first_of_a_generation_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    whole, settings = FakeJudge(), {"sampler": "nsga2", "trials": 52}
    found = strategy("optuna_search", **settings)
    found.finish(whole)
    assert killed_and_resumed(4 + 2 * 50, "journal", tmp_path, **settings) == outcome(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "sampler", "trials", "first"),
    [
        ("sqlite", "tpe", 12, 1),
        ("journal", "random", 6, 1),
        ("journal", "gp", 12, 1),
        ("journal", "nsga2", 54, 100),  # the second generation
    ],
)
def test_whatever_write_a_kill_follows_every_sampler_ends_the_same(kind, sampler, trials, first, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    assert every_kill(kind, tmp_path, first, sampler=sampler, trials=trials) == 3 + 2 * trials


@pytest.mark.parametrize("lost", [1, 2, 40, 10**6])
def test_half_a_line_at_the_end_of_a_journal_is_a_write_that_did_not_happen(lost, tmp_path):
    whole = strategy("optuna_search", trials=TRIALS)
    whole.finish(FakeJudge())
    path = tmp_path / "study.log"
    part = strategy("optuna_search", trials=TRIALS, storage=str(path))
    early = part.state_dict()
    with pytest.raises(Killed), dying_after(12, "journal"):
        part.finish(FakeJudge())
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][: max(1, len(lines[-1]) - lost)])
    again = strategy("optuna_search", trials=TRIALS, storage=str(path))
    again.load_state_dict(early)
    again.finish(FakeJudge())
    assert outcome(again) == outcome(whole)


RUN = {
    "strategy": "optuna_search", "space": "default8", "model": "local_vim_nano", "data": "digits",
    "settings": {
        "epochs": 1, "batch_size": 32, "limit": 64, "validation_limit": 32, "patch_size": 2, "depth": 2, "scan_backend": "torch",
        "trials": 12,
    },
}  # fmt: skip


def config(storage):
    settings = {**RUN["settings"], "storage": storage}
    return make_config(**{**RUN, "space": find_space(RUN["space"]), "settings": settings})


def told(folder):
    return {name: (folder / name).read_bytes() for name in ("genotype.json", "genotypes.csv", "scores.csv")}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_write_a_kill_follows_the_run_leaves_the_same_bytes(kind, tmp_path):
    where = url(kind, tmp_path)
    start(config(where), tmp_path / "whole")
    whole, number = told(tmp_path / "whole"), 0
    for number in range(1, 1000):
        Path(where.removeprefix("sqlite:///")).unlink()
        folder = tmp_path / str(number)
        with dying_after(number, kind) as died:
            try:
                start(config(where), folder)
            except Killed:
                resume(folder)
        assert told(folder) == whole, f"killed after write {number}"
        if not died():
            break
    assert number > 2 * RUN["settings"]["trials"]


@pytest.mark.slow
def test_a_process_that_is_gone_after_a_write_leaves_the_same_bytes(tmp_path):
    """The same with processes that really end: no ``finally`` runs, and a lock of the journal may be left behind."""
    where = str(tmp_path / "study.log")
    start(config(where), tmp_path / "whole")
    code = (
        "import os, sys; sys.path[:0] = sys.argv[3:]; from test_shared_study import *\n"
        "with dying_after(int(sys.argv[1]), 'journal', lambda: os._exit(9)): start(config(sys.argv[2] + '/study.log'), "
        "sys.argv[2] + '/' + sys.argv[1])"
    )
    for number in (1, 2, 3, 4, 5, 14, 15, 26, 27):
        Path(where).unlink()
        folders = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
        done = subprocess.run([sys.executable, "-c", code, str(number), str(tmp_path), *folders], check=False)
        assert done.returncode == 9
        resume(tmp_path / str(number))
        assert without_command(tmp_path / str(number)) == without_command(tmp_path / "whole")


def without_command(folder):
    """What a run tells, but for the command line of its process."""
    genotype = json.loads((folder / "genotype.json").read_text())
    del genotype["search"]["command"]
    return {**told(folder), "genotype.json": genotype}


class Worth(FakeJudge):
    """Any number of layers and directions."""

    def _ask(self, kept):
        if len(self.asked) == self.limit:
            raise Killed
        return sum(j * (i + 1) for i, layer in enumerate(kept) for j in layer) / 100


def worker(storage, **settings):
    return strategy("optuna_search", ToySupernet(count=8), space(count=8, keep=4), storage=storage, **settings)


@pytest.mark.parametrize(("kind", "sampler", "count"), [("journal", "tpe", 16), ("sqlite", "random", 6)])
def test_two_that_ask_at_once_never_judge_the_same(kind, sampler, count, tmp_path, monkeypatch):
    meeting, asked = threading.Barrier(2), threading.local()
    ask = optuna.Study.ask

    def at_once(study, *arguments, **named):
        if threading.current_thread() is not threading.main_thread() and not hasattr(asked, "before"):
            asked.before = True
            meeting.wait(60)
        return ask(study, *arguments, **named)

    monkeypatch.setattr(optuna.Study, "ask", at_once)
    workers = [worker(url(kind, tmp_path), sampler=sampler, trials=count) for _ in "ab"]
    judges = [Worth(), Worth()]
    threads = [threading.Thread(target=w.finish, args=(j,)) for w, j in zip(workers, judges, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = judges[0].asked + judges[1].asked
    assert len(everything) == len(set(everything)) >= count
    trials = workers[0]._study().trials()
    assert sum(trial.state == TrialState.COMPLETE for trial in trials) in (count, count + 1)
    assert [trial for trial in trials if trial.state == TrialState.FAIL]  # the first proposal of the second
    assert not [trial for trial in trials if trial.state == TrialState.RUNNING]


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


@pytest.mark.slow
def test_processes_that_make_a_database_at_once(tmp_path):
    code = (
        "import sys, time; sys.path[:0] = sys.argv[3:]; from test_shared_study import *\n"
        "time.sleep(max(0, float(sys.argv[2]) - time.time())); worker(sys.argv[1], trials=6).finish(Worth())"
    )
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    for number in range(8):
        where = f"sqlite:///{tmp_path / str(number)}.db"
        call = [sys.executable, "-c", code, where, str(time.time() + 8), *folders]
        pair = [subprocess.Popen(call, stderr=subprocess.PIPE, text=True) for _ in "ab"]
        errors = [process.communicate()[1] for process in pair]
        assert [process.returncode for process in pair] == [0, 0], errors


def stopped(storage):
    part = strategy("optuna_search", trials=TRIALS, storage=storage)
    with pytest.raises(KeyboardInterrupt):
        part.finish(FakeJudge(2))
    return part.state_dict()


@pytest.mark.parametrize(
    ("share", "says"),
    [
        (None, "does not know this run any more: it was deleted"),
        (0, "any more: it was deleted, emptied"),
        (0.5, "or cut|cannot be kept"),
    ],
)
def test_a_study_that_lost_something_is_refused_in_one_line(storage, share, says):
    state, path = stopped(storage), Path(storage.removeprefix("sqlite:///"))
    data = path.read_bytes()
    path.unlink()
    if share is not None:
        path.write_bytes(data[: int(len(data) * share)])
    for _ in range(2):  # nor is it taken when it is tried again
        with pytest.raises(ScansearchError, match=says) as caught:
            strategy("optuna_search", trials=TRIALS, storage=storage).load_state_dict(state)
        assert "\n" not in str(caught.value)
    path.write_bytes(data)
    strategy("optuna_search", trials=TRIALS, storage=storage).load_state_dict(state)


def test_a_study_that_goes_while_it_is_worked_on_is_one_line(storage):
    path = Path(storage.removeprefix("sqlite:///"))
    found = strategy("optuna_search", trials=TRIALS, storage=storage)

    class Losing(FakeJudge):
        def __call__(self, selections):
            if len(self.asked) == 3:
                path.unlink()
            return super().__call__(selections)

    with pytest.raises(ScansearchError, match="was deleted or replaced|cannot be reached any more") as caught:
        found.finish(Losing())
    assert "\n" not in str(caught.value)


def foreign_trial(found, what):
    distributions = views.optuna_distributions(found.space)
    params = {name: distribution.choices[0] for name, distribution in distributions.items()}
    kept = {"directions": found.space.directions(found.best), "worker": "w", "number": 0}
    if what == "no attributes":
        return create_trial(params=params, distributions=distributions, value=0.9)
    if what == "other parameters":
        return create_trial(params={"x": 0.5}, distributions={"x": FloatDistribution(0, 1)}, value=0.9, user_attrs=kept)
    if what == "other choices":
        other = {name: CategoricalDistribution([*d.choices, "more"]) for name, d in distributions.items()}
        return create_trial(params=params, distributions=other, value=0.9, user_attrs=kept)
    attributes = {**kept, "directions": [["nowhere"], ["h"]]}
    return create_trial(params=params, distributions=distributions, value=0.9, user_attrs=attributes)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("no attributes", "its trial 0 does not say its directions"),
        ("other parameters", "its trial 0 has other parameters"),
        ("other choices", "its trial 0 has other parameters"),
        ("another genotype", "its trial 0 is no genotype of this space"),
    ],
)
def test_a_foreign_trial_is_one_line(tmp_path, what, says):
    storage = url("journal", tmp_path)
    found = strategy("optuna_search", trials=3, storage=storage)
    found._study().study.add_trial(foreign_trial(found, what))
    for attempt in (lambda: found.finish(FakeJudge()), lambda: strategy("optuna_search", trials=3, storage=storage)):
        with pytest.raises(
            ScansearchError, match=f"is not of this search: {says}; choose another --set study="
        ) as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_an_enqueued_trial_is_one_line(storage):
    found = strategy("optuna_search", trials=3, storage=storage)
    found._study().study.enqueue_trial({"layer0": "h+v", "layer1": "h+v"})
    with pytest.raises(ScansearchError, match="its trial 0 does not say its directions"):
        found.finish(FakeJudge())


def test_a_study_of_something_else_is_one_line(storage):
    kept = JournalStorage(optuna.storages.journal.JournalFileBackend(storage)) if "://" not in storage else storage
    optuna.create_study(storage=kept, study_name="other", directions=["minimize"])
    with pytest.raises(
        ScansearchError, match=r"it has the objectives \['minimize'\], but this search has \['maximize'\]"
    ):
        strategy("optuna_search", storage=storage, study="other")


def test_a_file_that_is_no_journal_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes")
    with pytest.raises(ScansearchError, match="is not a journal of Optuna"):
        strategy("optuna_search", storage=str(path))
    assert path.read_text() == "my notes"
