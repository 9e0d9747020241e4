"""Studies that are killed after every write of their storage."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.trial import TrialState
from study_storage import KINDS, TRIALS, Killed, dying_after, url
from test_black_box import FakeJudge
from toy_search import strategy

from scansearch.searching.assemble import resume, start
from scansearch.searching.configure import make_config
from scansearch.space import find_space
from scansearch.strategy.black_box.nsga2 import population


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
    study = again._study()
    assert len(study.finished(study.trials())) == settings["trials"]
    assert all(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in study.trials())
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
    whole, settings = FakeJudge(), {"sampler": "nsga2", "trials": 14}
    found = strategy("optuna_search", **settings)
    found.finish(whole)
    assert killed_and_resumed(4 + 2 * population(14), "journal", tmp_path, **settings) == outcome(found)


HYPERBAND = {"judge": "training", "judge_epochs": 4, "pruner": "hyperband"}
WILCOXON = {"judge": "training", "judge_epochs": 1, "pruner": "wilcoxon", "trainings": 5}


@pytest.mark.slow
@pytest.mark.parametrize("settings", [HYPERBAND, WILCOXON])
def test_whatever_write_a_kill_follows_what_is_pruned_stays_the_same(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    assert every_kill("journal", tmp_path, trials=TRIALS, **settings) > 3 + 2 * TRIALS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "sampler", "trials", "first"),
    [
        ("sqlite", "tpe", 12, 1),
        ("journal", "random", 6, 1),
        ("journal", "gp", 12, 1),
        ("journal", "nsga2", 12, 1),
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
        "import os, sys; sys.path[:0] = sys.argv[3:]; from test_study_kills import *\n"
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
