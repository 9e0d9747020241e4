"""Who a process is among those it was launched with, and how it says why it ends."""

import json

import pytest

from scansearch.machine import launched


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """The environment of the third of four processes, two a node."""

    def as_launched(run_id, rank=2):
        given = {"RANK": rank, "WORLD_SIZE": 4, "LOCAL_WORLD_SIZE": 2, "GROUP_WORLD_SIZE": 2}
        given |= {launched.RUN_ID: run_id, launched.ERROR_FILE: tmp_path / "error.json"}
        for name, value in given.items():
            monkeypatch.setenv(name, str(value))
        return tmp_path / "error.json"

    return as_launched


def test_alone_whatever_other_programs_left_in_the_environment(monkeypatch):
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.delenv(launched.RUN_ID, raising=False)
    assert not launched.launched()
    assert launched.is_first()
    assert (launched.rank(), launched.size(), launched.local_size(), launched.nodes()) == (0, 1, 1, 1)
    assert not launched.reported("a line", 2)


def test_one_of_several(environment):
    environment("any")
    assert launched.launched()
    assert not launched.is_first()
    assert (launched.rank(), launched.size(), launched.local_size(), launched.nodes()) == (2, 4, 2, 2)


@pytest.mark.parametrize(
    ("run_id", "rank", "others_say_it"), [("none", 0, False), ("none", 1, True), ("scansearch-1", 0, True)]
)
def test_a_report_has_the_form_that_torch_reads(environment, run_id, rank, others_say_it):
    path = environment(run_id, rank)
    assert launched.reported("image 3 is damaged", 2) is others_say_it
    told = json.loads(path.read_text())
    assert told["message"]["message"] == "image 3 is damaged"
    assert int(told["message"]["extraInfo"]["timestamp"]) > 0
    assert told["status"] == 2
