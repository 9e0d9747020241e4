import sys
from pathlib import Path

import pytest

from scansearch.ops.backends import dispatch, vmamba_scan

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    """What falls back says so once a process: here once a test."""
    monkeypatch.setattr(dispatch, "_SAID", set())


@pytest.fixture
def another_machine():
    """What was found out of this machine is forgotten, and what a test lets it look like is forgotten afterwards."""

    def forget():
        dispatch._MADE_FOR.clear()
        for remembered in (dispatch._all, dispatch._missing, dispatch._wrong, vmamba_scan._works):
            remembered.cache_clear()

    forget()
    yield
    forget()
