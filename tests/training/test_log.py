import re
from datetime import datetime
from types import SimpleNamespace

import pytest

from scansearch.errors import RunFolderError
from scansearch.training.events import Listener, Progress, Silent
from scansearch.training.log import Logged

EVENTS = [name for name in vars(Listener) if not name.startswith("_")]


def test_an_event_is_one_line_whatever_its_values_are(tmp_path):
    log = Logged(Silent(), tmp_path / "log.txt")
    log.started(
        {"model": "mine\n2026-01-01 00:00:00 forged", "device": "\x1b[2J\r\u202e"}, Progress(0, 10, 0, 1, 0.0, 0.0)
    )
    log.warned("two\nlines\x0b\u2028of it")
    lines = (tmp_path / "log.txt").read_text().split("\n")
    assert len(lines) == 3
    for line in lines[:2]:
        assert datetime.strptime(line[:19], "%Y-%m-%d %H:%M:%S")
        assert line.isprintable()
    assert re.search(r"model mine 2026-01-01 00:00:00 forged, device \\x1b\[2J \\u202e$", lines[0])
    assert lines[1].endswith("warning: two lines  of it")


def test_an_epoch_is_logged_with_its_words(tmp_path):
    Logged(Silent(), tmp_path / "log.txt").epoch_done({"epoch": 2, "worth": 0.4375, "measure": "mean_iou"})
    assert (tmp_path / "log.txt").read_text().endswith(" epoch 2, worth 0.4375, measure mean_iou\n")


def test_a_log_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "other.txt").write_text("mine")
    (tmp_path / "log.txt").symlink_to(tmp_path / "other.txt")
    with pytest.raises(RunFolderError, match="must be a file of this folder alone"):
        Logged(Silent(), tmp_path / "log.txt").warned("words")
    assert (tmp_path / "other.txt").read_text() == "mine"


def test_every_event_is_passed_on(tmp_path):
    told = []
    listener = SimpleNamespace(**{name: lambda *_, name=name: told.append(name) for name in EVENTS})
    log = Logged(listener, tmp_path / "log.txt")
    progress = Progress(0, 1, 0, 1, 0.0, 0.0)
    arguments = {"checked": (1, 2), "started": ({}, progress), "stepped": (progress,), "epoch_done": ({"epoch": 1},)}
    for name in EVENTS:
        getattr(log, name)(*arguments.get(name, {"judged": (1, 2, 0.5), "tuned": (1, 2)}.get(name, ("words",))))
    assert told == list(EVENTS)
