"""Events as lines of JSON, there and back."""

import pytest

from scansearch.training.event_lines import EventLines, tell
from scansearch.training.events import Listener, Progress


class Recorder(Listener):
    """Everything that it is told."""

    def __init__(self):
        self.told = []

    def __getattribute__(self, name):
        if name in ("told", "__class__", "__dict__"):
            return object.__getattribute__(self, name)
        return lambda *values: self.told.append((name, *values))


STANDING = Progress(1, 3, 4, 9, 0.5, 0.25)
EVENTS = [
    ("checked", 3, 9),
    ("started", {"model": "x", "genotypes": 70**40, "resumed": False}, STANDING),
    ("stepped", STANDING),
    ("epoch_done", {"epoch": 1, "margin": 0.5}),
    ("judged", 3, 9, 0.75),
    ("tuned", 1, 2),
    ("warned", "two\nlines"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event[0])
def test_what_one_process_tells_another_hears(event):
    lines, heard = [], Recorder()
    name, *values = event
    getattr(EventLines(lines.append), name)(*values)
    assert "\n" not in lines[0]
    tell(lines[0], heard)
    assert heard.told == [event]


def test_of_many_steps_few_are_told(monkeypatch):
    lines, now = [], [100.0]
    monkeypatch.setattr("scansearch.training.event_lines.time.monotonic", lambda: now[0])
    listener = EventLines(lines.append)
    for _ in range(40):
        now[0] += 0.1
        listener.stepped(STANDING)
    assert len(lines) in (7, 8)


@pytest.mark.parametrize("line", ["printed by a plug-in\n", "3\n", "\n"])
def test_a_line_of_another_kind_is_passed_on_as_it_is(line):
    heard = Recorder()
    tell(line, heard)
    assert heard.told == [("warned", line.strip())]
