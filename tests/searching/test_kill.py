"""kill -9 at any moment, then resume: the same bytes as a run that nothing disturbed."""

import os
import random
import shlex
import subprocess
import sys
import time

import pytest

from scansearch.runs.tables import TABLES

REPRODUCIBLE = (*(table.name for table in TABLES["search"] if table.repeatable), "genotype.json")
KILLS = 10
START = shlex.split(
    "run --model local_vim_nano --epochs 6 --batch-size 16 --out run "
    "--set limit=96 --set patch_size=2 --set depth=2 --set scan_backend=torch --set drop_path=0.1 "
    "--set checkpoint_steps=4 --set flip=0.5"
)
RESUME = ["resume", "run"]
NO_FIGURES = "import scansearch.finish; scansearch.finish._draw_all = lambda *arguments: None"
"""Drawing takes longer than such a search."""


def begin(folder, arguments):
    """Starts a scansearch process in ``folder``."""
    code = f"import sys; sys.argv[0] = 'scansearch'; {NO_FIGURES}; from scansearch.cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder, arguments):
    process = begin(folder, arguments)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def next_command(folder):
    """What a user types after a kill: resume, unless the run had not begun."""
    return RESUME if (folder / "run" / "config.toml").exists() else START


def contents(folder):
    return {name: (folder / "run" / name).read_bytes() for name in REPRODUCIBLE}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What the run writes, and when: seconds from the start to the folder, and to the genotype."""
    folder = tmp_path_factory.mktemp("undisturbed")
    began, process = time.monotonic(), begin(folder, START)
    moments = {}
    while process.poll() is None:
        for name in ("config.toml", "genotype.json"):
            if name not in moments and (folder / "run" / name).exists():
                moments[name] = time.monotonic() - began
        time.sleep(0.01)
    assert process.returncode == 0, process.stderr.read()
    return contents(folder), moments["config.toml"], moments["genotype.json"]


def test_one_kill_in_the_middle(tmp_path, undisturbed):
    expected, folder_at, genotype_at = undisturbed
    process = begin(tmp_path, START)
    while not (tmp_path / "run" / "config.toml").exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep((genotype_at - folder_at) / 2)
    process.kill()
    process.communicate()
    assert not (tmp_path / "run" / "genotype.json").exists()
    finish(tmp_path, RESUME)
    assert contents(tmp_path) == expected


def log_size(folder):
    path = folder / "run" / "log.txt"
    return path.stat().st_size if path.exists() else 0


def kill_at_random(folder, moments, undisturbed, *, early):
    """Starts or resumes the run and kills it; says whether it was still alive.

    Most of such a short process is imports: an early kill comes at any moment up to the first files of the run, another one
    once the process has logged something, while it trains, evaluates and writes.
    """
    _, folder_at, genotype_at = undisturbed
    before, process = log_size(folder), begin(folder, next_command(folder))
    while not early and process.poll() is None and log_size(folder) == before:
        time.sleep(0.002)
    try:
        process.wait(
            moments.uniform(0.3, 1) * folder_at if early else moments.uniform(0, 0.3) * (genotype_at - folder_at)
        )
    except subprocess.TimeoutExpired:
        process.kill()
        return True
    finally:
        process.communicate()
    return False


@pytest.mark.slow
def test_ten_kills_at_random_moments(tmp_path, undisturbed):
    """A run that ends before all ten kills are spent is checked, and another one takes the rest."""
    moments, kills = random.Random(0), 0
    while kills < KILLS:
        folder = tmp_path / f"after-{kills}-kills"
        folder.mkdir()
        newest = [""]
        while kills < KILLS and not (folder / "run" / "genotype.json").exists():
            kills += kill_at_random(folder, moments, undisturbed, early=kills % 3 == 0)
            newest.append(max((p.name for p in folder.glob("run/checkpoints/step-*")), default=""))
        assert newest == sorted(newest)  # no kill loses a checkpoint
        finish(folder, next_command(folder))
        assert contents(folder) == undisturbed[0]
