"""Samples of the campaigns of this folder in every test run; the whole of them is slow. Each runs in a process that forks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scansearch.registry import STRATEGIES

FOLDER = Path(__file__).parent


def run(script, *arguments):
    done = subprocess.run(
        [sys.executable, FOLDER / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return done.returncode, done.stdout + done.stderr


def test_a_sample_of_kills_loses_nothing():
    status, told = run("kills.py", "darts", "--every", 30)
    assert status == 0, told
    assert "0 differences" in told


@pytest.mark.slow
def test_a_kill_while_figures_are_written_loses_nothing():
    status, told = run("kills.py", "darts", "--figures", "--every", 3)
    assert status == 0, told


@pytest.mark.slow
@pytest.mark.parametrize("strategy", sorted(set(STRATEGIES.names()) - {"nni_search"}))
def test_a_kill_at_any_file_operation_loses_nothing(strategy):
    status, told = run("kills.py", strategy)
    assert status == 0, told


def test_a_sample_of_mutated_files_is_refused_in_one_line_or_read():
    status, told = run("hostile.py", "--cases", 12)
    assert status == 0, told
    assert "12 cases, 0 faults" in told


@pytest.mark.slow
def test_two_thousand_mutated_files_are_refused_in_one_line_or_read():
    status, told = run("hostile.py", "--cases", 2000, "--seed", 1)
    assert status == 0, told
