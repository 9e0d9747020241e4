"""``evaluate`` and ``export``, ended as they put a file in place: what is there is whole, and the same command does the rest."""

from __future__ import annotations

import itertools
import os
import shutil
from contextlib import contextmanager

import pytest

from scansearch.runs.evaluation_json import Evaluations
from scansearch.runs.folder import RunFolder
from scansearch.runs.run import Run
from scansearch.unfinished import is_temporary

EVALUATE = ("evaluate", "run", "--size", 6)
pytestmark = pytest.mark.usefixtures("no_figures")
COMMANDS = [EVALUATE, ("compare", "run", "--random", 1, "--jobs", 1), ("resume", "run")]


class Killed(BaseException):
    """Nothing catches it."""


@pytest.fixture(scope="module")
def trained(train_two_layers, no_figures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return train_two_layers(folder, 1, attention="channel", windows="padded")  # as LocalMamba's code has them


@pytest.fixture
def run(trained, here):
    shutil.copytree(trained, here / "run")
    return here / "run"


@pytest.fixture
def killed(monkeypatch):
    """``with killed(n)``: the process ends as it puts its n-th file in place, from 0, and takes nothing away."""

    @contextmanager
    def at(number):
        real, remove, count = os.replace, os.unlink, itertools.count(1)
        done = 0

        def replace(*arguments):
            nonlocal done
            done = next(count)
            if done > number:
                raise Killed
            real(*arguments)

        def unlink(*arguments, **more):
            if done > number:
                raise Killed
            remove(*arguments, **more)

        with monkeypatch.context() as patch:
            patch.setattr("os.replace", replace)
            patch.setattr("os.unlink", unlink)
            with pytest.raises(Killed):
                yield

    return at


def left_overs(folder):
    return [path for path in folder.rglob("*") if is_temporary(path)]


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("number", [0, 1, 2])  # evaluation.json, model_card.md, the first file of a figure
def test_an_evaluation_that_was_killed_is_recorded_once(number, call, run, killed):
    with killed(number):
        call(*EVALUATE)
    assert left_overs(run)
    there = Evaluations.of(run).evaluations
    assert len(there) == (number > 0)
    assert Run.open(run).network() is not None
    again = call(*EVALUATE)
    assert again.status == 0
    assert ("were looked at on" in again.err) == (number > 0)
    (recorded,) = Evaluations.of(run).evaluations
    assert there in ((), (recorded,))
    assert f"| {recorded.top1:.2%} |" in (run / "model_card.md").read_text()
    assert (run / "figures" / "confusion.png").is_file()
    assert left_overs(run) == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_of_a_run_in_use_a_line_says_what_the_command_can_do(command, refused, run):
    with RunFolder(run).locked():
        assert "wait for it to end, then repeat the command" in refused(*command)
    assert not (run / "random").exists()


@pytest.mark.parametrize("where", [(), ("--out", "there")], ids=["in the run", "elsewhere"])
@pytest.mark.parametrize("number", [0, 1])
def test_an_export_that_was_killed_is_done_by_the_next(number, where, call, run, killed):
    command = ("export", "run", "--to", "localmamba", *where)
    folder = run / "export" if not where else run.parent / "there"
    shutil.rmtree(run / "export")
    assert call(*command).status == 0
    whole = contents(folder)
    assert len(whole) == 2
    shutil.rmtree(folder)
    drafts = len(whole) if where else 0  # each file is put in place twice, first in a draft
    with killed(drafts + number):
        call(*command)
    (left,) = left_overs(folder)
    there = {name: data for name, data in contents(folder).items() if name != left.name}
    assert len(there) == number
    assert there.items() <= whole.items()
    assert call(*command).status == 0
    assert contents(folder) == whole
