from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from scansearch.errors import ScansearchError
from scansearch.machine import memory_size
from scansearch.machine.memory import check_fits
from scansearch.machine.memory_size import machine_memory

CORE = Path(__file__).parents[2] / "scansearch"


def test_a_system_that_does_not_say_has_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf_names", {}, raising=False)
    monkeypatch.setattr(memory_size, "OWN_GROUPS", Path("nowhere"))
    monkeypatch.setattr(resource, "getrlimit", lambda what: (resource.RLIM_INFINITY,) * 2)
    assert machine_memory() == 0


@pytest.mark.parametrize(
    ("groups", "limits", "least"),
    [
        ("0::/", {"memory.max": 3 << 20}, 3 << 20),  # a container, version 2
        ("0::/job/step", {"job/memory.max": 5 << 20, "job/step/memory.max": "max"}, 5 << 20),  # a batch job
        ("4:memory:/docker/a1\n0::/", {"memory/memory.limit_in_bytes": 7 << 20}, 7 << 20),  # a container, version 1
        ("5:cpu,memory:/job", {"memory/job/memory.limit_in_bytes": 2 << 20, "memory.max": 1}, 2 << 20),
        ("4:memory:/\n1:cpu:/", {"memory/memory.limit_in_bytes": 2**63 - 4096}, None),
        ("0::/", {}, None),
    ],
)
def test_a_limit_of_a_container_or_a_job_counts(monkeypatch, tmp_path, groups, limits, least) -> None:
    (tmp_path / "cgroup").write_text(f"{groups}\n")
    for name, size in limits.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{size}\n")
    without = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    monkeypatch.setattr(memory_size, "OWN_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory_size, "GROUPS", tmp_path)
    assert machine_memory() == (least or without)


def test_a_limit_of_the_address_space_counts() -> None:
    code = "from scansearch.machine.memory_size import machine_memory; print(machine_memory())"
    done = subprocess.run(
        ["sh", "-c", 'ulimit -v 1000000; exec "$0" -c "$1"', sys.executable, code], capture_output=True, text=True
    )
    assert done.stdout == "1024000000\n", done.stderr


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
