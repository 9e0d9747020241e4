"""Variables for torch are set, but not those that the user has set."""

import os

from scansearch.machine.before_torch import SPINS, set_variables


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.delenv(SPINS, raising=False)
    set_variables()
    assert os.environ[SPINS] == "10000"
    monkeypatch.setenv(SPINS, "7")
    set_variables()
    assert os.environ[SPINS] == "7"
