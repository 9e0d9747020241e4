"""The command prints its tables, and --check tells what is missed."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from scansearch.strategies.binary_gates import BinaryGates

from benchmarks import __main__ as command
from benchmarks import estimate, memory, peers, strategies
from benchmarks.comparison import Comparison
from benchmarks.subsets import PerLayer
from benchmarks.timing import interleaved
from scansearch.errors import ScansearchError

ROOT = Path(__file__).parents[2]


def comparison(**medians):
    samples = {"cpu": [10.0], **{name.replace("_", "-"): [value] for name, value in medians.items()}}
    return Comparison("scan", "c", "scan c", "ms", samples, {})


def run(monkeypatch, *arguments, found):
    monkeypatch.setitem(command.BENCHMARKS, "scan", lambda options: [found])
    return command.main(["scan", *arguments])


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # accuracies of tiny trainings are all alike
@pytest.mark.parametrize("name", command.BENCHMARKS)
def test_every_benchmark_runs(name, tiny_run):
    run = tiny_run(name)
    assert run.status == 0
    assert run.results
    assert all(result["title"] in run.shown for result in run.results)


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # accuracies of tiny trainings are all alike
def test_a_tiny_run_of_curves_searches_and_trains_what_was_found(tiny_run):
    (result,) = tiny_run("curves").results
    assert [(row["strategy"], row["budget"]) for row in result["rows"]] == [("darts", 1), ("random_search", 1)]
    assert all(len(row["found"]) == len(row["chance"]) == 1 for row in result["rows"])
    assert all(row["epochs"] >= 1 and row["seconds"][0] > 0 for row in result["rows"])
    assert list(result["known"]) == ["hilbert"]


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # accuracies of tiny trainings are all alike
def test_a_tiny_run_of_alone_trains_found_and_random_genotypes(tiny_run):
    (result,) = tiny_run("alone").results
    assert list(result["found"]) == ["darts", "evolution"]
    assert len(result["random"]) == 2
    assert all(0 < accuracy < 1 for accuracy in (*result["found"].values(), *result["random"]))
    assert result["missed"] == []


def test_the_command_tells_the_machine_and_names_the_peers(tmp_path):
    file = tmp_path / "figures.json"
    line = [sys.executable, "-m", "benchmarks", "scan", "--tiny", "--repeats", "1", "--json", str(file)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    results = json.loads(file.read_text())["results"]
    assert [result["case"] for result in results] == ["tiny", "tiny forward"]
    for result in results:
        names = [row["name"] for row in result["rows"]] + list(result["absent"])
        assert sorted(names) == sorted(["cpu", *peers.PEERS])
    assert all(name in done.stdout for name in (*names, "processor", "threads", "numba"))


def test_memory_is_measured_in_a_process_of_its_own():
    assert memory._in_fresh_process("many 8", "kept") > 10


def test_a_measurement_that_fails_is_named(monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "Traceback ...\nKeyError: 'nothing'\n")
    monkeypatch.setattr(memory.subprocess, "run", lambda *arguments, **options: failed)
    with pytest.raises(ScansearchError, match="measuring the memory of scan x failed with status 1: KeyError"):
        memory._in_fresh_process("scan", "x")


def test_updates_are_those_of_the_second_epoch_and_alpha_moves_in_them(monkeypatch):
    moved, clocks = [], []

    def search(listener, **settings):
        clocks.append(listener)
        return real(listener=listener, **settings)

    real, learn = strategies.search, BinaryGates._learn
    monkeypatch.setattr(strategies, "search", search)
    monkeypatch.setattr(
        BinaryGates, "_learn", lambda self, step: (moved.append(len(clocks[0].times)), learn(self, step))
    )
    samples = strategies.updates("binary_gates", 2, tiny=True)
    assert len(clocks[0].times) == 2 * strategies.STEPS
    assert len(samples) == strategies.UPDATES
    assert [step for step in moved if step > strategies.STEPS] == [10]


def test_a_wide_table_keeps_its_figures_in_a_pipe(monkeypatch, capsys):
    rows = {case: {"MB": (773.0, 800.0), "seconds": (0.2, 0.21)} for case in estimate.CASES}
    run(monkeypatch, found=estimate.Estimates(rows))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("--model")]
    assert len(lines) == len(rows)
    assert all(line.split()[-6:] == ["773", "800", "-3%", "200", "210", "-5%"] for line in lines)


def test_what_is_in_brackets_is_no_markup():
    result = Comparison("scan", "c", "scan c", "ms", {"cpu": [1.0]}, {"nni": 'pip install "scansearch[nni]"'})
    console = Console(width=200)
    with console.capture() as capture:
        console.print(result.table())
    assert "scansearch[nni]" in capture.get()


def test_check_passes_when_every_ratio_holds(monkeypatch, capsys):
    good = comparison(time_major=150.0, mambapy=400.0, unbind=300.0)
    assert run(monkeypatch, "--check", found=good) == 0
    assert "everything promised holds" in capsys.readouterr().out


def test_check_names_each_missed_ratio(monkeypatch, capsys):
    assert run(monkeypatch, "--check", found=comparison(time_major=59.0, unbind=300.0)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("scan c: mambapy must take at least 35 times as long as cpu, but was not measured")
    assert lines[-1] == "scan c: time-major must take at least 6 times as long as cpu, but takes 5.9"


def test_a_miss_does_not_matter_without_check(monkeypatch):
    assert run(monkeypatch, found=comparison(time_major=1.0)) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["sacn"],
            f"unknown benchmark 'sacn'; there is: {', '.join(command.BENCHMARKS)}",
        ),
        (["--repeats", "0"], "--repeats must be at least 1, but got 0"),
        (["--seeds", "0"], "--seeds must be at least 1, but got 0"),
        (["curves", "--layout-seed", "1", "--layout-seed", "-1"], "--layout-seed must be at least 0, but got -1"),
        (["planted", "--strategy", "dart"], "unknown strategy 'dart'; there is: binary_gates, darts"),
        (
            ["decoys", "--strategy", "darts,alpha_warmup=0"],
            "settings of a strategy are for curves and planted, but decoys got",
        ),
        (["planted", "--strategy", "darts,seed=3"], "seed is not for --strategy to say: the benchmark chooses it"),
        (["--check", "--tiny"], "leave --tiny out"),
        (["curves", "--both"], "--both is for layouts that are drawn; give --layout-seed, or leave it out"),
        (["many", "--check"], "measure some of scan, step, derived, update, scale, subsets, estimate, planted, decoys"),
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
    assert ran == [
        *("loader", "scan", "step", "floor", "derived", "update", "scale", "paper", "many", "orders"),
        *("strategies", "subsets", "memory", "estimate", "images"),
    ]
    command.main(["decoys", "planted"])
    assert ran[-2:] == ["decoys", "planted"]


def test_subsets_promise_a_time_a_layer():
    timed = PerLayer(
        "subsets",
        "4 of 128",
        "t",
        "us",
        {"draw, 1 layers": [300.0], "covariance, 1 layers": [900.0, 1_200.0, 1_300.0]},
        {},
    )
    assert timed.missed() == [
        "subsets 4 of 128: covariance, 1 layers must take at most 1,000 us a layer, but takes 1,200"
    ]


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
