import sys
from pathlib import Path

import pytest

from scansearch.ops.backends import dispatch

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    """What falls back says so once a process: here once a test."""
    monkeypatch.setattr(dispatch, "_SAID", set())
