"""Variables for torch are set, but not those that the user has set."""

import os

from scansearch.machine.before_torch import HUGE_PAGES, SPINS, set_variables


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv(SPINS, "7")
    monkeypatch.delenv(HUGE_PAGES, raising=False)
    set_variables()
    assert (os.environ[SPINS], os.environ[HUGE_PAGES]) == ("7", "1")
    monkeypatch.setenv(HUGE_PAGES, "0")
    set_variables()
    assert os.environ[HUGE_PAGES] == "0"
