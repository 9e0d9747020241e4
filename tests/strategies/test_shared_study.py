"""Studies that many work on, and that are not what they were."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import JournalStorage
from optuna.trial import TrialState, create_trial
from study_storage import TRIALS, Killed, url
from test_black_box import FakeJudge
from toy_search import ToySupernet, space, strategy

from scansearch.errors import ScansearchError
from scansearch.space import views
from scansearch.strategy.black_box.proposals import Proposals


@pytest.fixture(params=["journal", pytest.param("sqlite", marks=pytest.mark.slow)])  # its tables take seconds to make
def storage(request, tmp_path):
    return url(request.param, tmp_path)


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
    assert len(everything) == len(set(everything))
    study = workers[0]._study()
    trials = study.trials()
    assert len(everything) == len({study.choice(trial) for trial in study.finished(trials)}) > count // 2
    assert sum(trial.state == TrialState.COMPLETE for trial in trials) in (count, count + 1)
    assert [trial for trial in trials if trial.state == TrialState.FAIL]  # the first proposal of the second
    assert not [trial for trial in trials if trial.state == TrialState.RUNNING]


def test_what_another_worker_judges_now_is_not_proposed():
    proposals = Proposals(strategy("optuna_search").space, "random", 0, 10)
    _, first, _ = proposals.next([], 0, set())
    assert proposals.next([], 0, set())[1] == first
    assert proposals.next([], 0, {first})[1] != first


def test_the_only_genotype_of_a_space_is_judged_by_all():
    part = strategy("optuna_search", ToySupernet(count=2), space(count=2, keep=2))
    _, only, _ = Proposals(part.space, "random", 0, 10).next([], 0, set())
    assert Proposals(part.space, "random", 0, 10).next([], 0, {only})[1] == only


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


def test_a_study_that_goes_while_a_genotype_is_proposed_is_one_line(storage, monkeypatch):
    path, numbers = Path(storage.removeprefix("sqlite:///")), []

    def losing(self, done, number, elsewhere, real=Proposals.next):
        assert number not in numbers
        numbers.append(number)
        if number == 3:
            path.unlink()
        return real(self, done, number, elsewhere)

    monkeypatch.setattr(Proposals, "next", losing)
    with pytest.raises(ScansearchError, match="was deleted or replaced|cannot be reached any more") as caught:
        strategy("optuna_search", trials=TRIALS, storage=storage).finish(FakeJudge())
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
    attributes = kept if what == "nothing" else {**kept, "directions": [["nowhere"], ["h"]]}
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
            ScansearchError, match=f"is not of this search: {says}; begin a run with another --set study="
        ) as caught:
            attempt()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"user_attrs": 7}, "its trial 0 does not say its directions"),
        ({"value": None, "values": ["high"]}, "its trial 0 has values that are no numbers"),
        ({"value": None, "values": [0.9, 0.1]}, "its trial 0 has 2 values"),
    ],
)
def test_a_journal_that_another_hand_wrote_is_one_line(tmp_path, change, says):
    storage = url("journal", tmp_path)
    found = strategy("optuna_search", trials=3, storage=storage)
    found._study().study.add_trial(foreign_trial(found, "nothing"))
    path = Path(storage)
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    entries[-1] |= change
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    with pytest.raises(ScansearchError, match=says):
        strategy("optuna_search", trials=3, storage=storage)


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


def test_a_trial_that_contradicts_itself_is_one_line():
    found = strategy("optuna_search")
    distributions = views.optuna_distributions(found.space)
    params = {name: distribution.choices[0] for name, distribution in distributions.items()}
    trial = create_trial(params=params, distributions=distributions, value=0.9)
    trial.datetime_start = None
    with pytest.raises(ScansearchError, match="of the study is damaged: .*; restore the study, or start the run anew"):
        Proposals(found.space, "random", 0, 10).next([trial], 1, set())
