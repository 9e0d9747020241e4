import re
from datetime import datetime

from scansearch.training.events import Progress, Silent
from scansearch.training.log import Logged


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
