from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from scansearch.errors import ScansearchError
from scansearch.machine.memory import check_fits
from scansearch.machine.memory_size import machine_memory

CORE = Path(__file__).parents[2] / "scansearch"


def test_a_system_that_does_not_say_has_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf_names", {}, raising=False)
    assert machine_memory() == 0


@pytest.mark.skipif("SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}), reason="this system does not say")
def test_it_is_that_of_the_machine() -> None:
    assert 2**26 < machine_memory() < 2**50


def test_there_is_one_place_that_asks() -> None:
    asking = [path.name for path in CORE.rglob("*.py") if "SC_PHYS_PAGES" in path.read_text()]
    assert asking == ["memory_size.py"]


def test_a_supernet_is_held_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scansearch.machine.memory.machine_memory", lambda: 2**20)
    with pytest.raises(ScansearchError, match="cpu has 0 GB"):
        check_fits(lambda: nn.Linear(1000, 1000), torch.device("cpu"))
