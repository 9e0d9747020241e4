"""The command prints its tables, and --check tells what is missed."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import memory
from benchmarks.comparison import Comparison
from benchmarks.timing import interleaved

ROOT = Path(__file__).parents[2]


def comparison(**medians):
    samples = {"cpu": [10.0], **{name.replace("_", "-"): [value] for name, value in medians.items()}}
    return Comparison("scan", "c", "scan c", "ms", samples, {})


def run(monkeypatch, *arguments, found):
    monkeypatch.setitem(command.BENCHMARKS, "scan", lambda options: [found])
    return command.main(["scan", *arguments])


def test_the_scan_benchmark_runs_and_writes_json(tmp_path):
    file = tmp_path / "figures.json"
    line = [sys.executable, "-m", "benchmarks", "scan", "--tiny", "--repeats", "1", "--json", str(file)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(file.read_text())["results"]
    names = [row["name"] for row in result["rows"]] + list(result["absent"])
    assert sorted(names) == ["cpu", "mambapy", "time-major", "torch (ours)", "unbind"]
    assert all(name in done.stdout for name in (*names, "processor", "threads", "numba"))


def test_check_passes_when_every_ratio_holds(monkeypatch, capsys):
    good = comparison(time_major=150.0, mambapy=400.0, unbind=300.0)
    assert run(monkeypatch, "--check", found=good) == 0
    assert "everything promised holds" in capsys.readouterr().out


def test_check_names_each_missed_ratio(monkeypatch, capsys):
    assert run(monkeypatch, "--check", found=comparison(time_major=149.0, unbind=300.0)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("scan c: mambapy must take at least 40 times as long as cpu, but was not measured")
    assert lines[-1] == "scan c: time-major must take at least 15 times as long as cpu, but takes 14.9"


def test_a_miss_does_not_matter_without_check(monkeypatch):
    assert run(monkeypatch, found=comparison(time_major=1.0)) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sacn"], "unknown benchmark 'sacn'; there is: scan, step, many, orders, strategies, memory, planted, decoys"),
        (["--repeats", "0"], "--repeats must be at least 1, but got 0"),
        (["--seeds", "0"], "--seeds must be at least 1, but got 0"),
        (["planted", "--strategy", "dart"], "unknown strategy 'dart'; there is: binary_gates, darts"),
        (["--check", "--tiny"], "leave --tiny out"),
        (["many", "--check"], "measure some of scan, step, planted, decoys"),
        (["--json", "nowhere/figures.json"], "--json needs an existing folder, but there is no nowhere"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_whole_searches_run_only_when_they_are_named(monkeypatch):
    ran = []
    for name in command.BENCHMARKS:
        monkeypatch.setitem(command.BENCHMARKS, name, lambda options, name=name: ran.append(name) or [])
    command.main([])
    assert ran == ["scan", "step", "many", "orders", "strategies", "memory", "images"]
    command.main(["decoys", "planted"])
    assert ran[-2:] == ["decoys", "planted"]


def test_rounds_are_interleaved_and_the_first_does_not_count():
    calls = []
    samples = interleaved({name: lambda name=name: calls.append(name) for name in "ab"}, 2)
    assert "".join(calls) == "ab" + "aabb" * 2
    assert [len(values) for values in samples.values()] == [2, 2]


def test_peak_memory_counts_what_was_freed_again():
    def fill():
        with mmap.mmap(-1, 40_000_000) as fresh:  # not from what the C library has kept
            for _ in range(40):
                fresh.write(b"x" * 1_000_000)

    grown = memory.measure(lambda: None, fill)
    assert grown == pytest.approx(40, abs=5)
