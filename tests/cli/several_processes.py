"""Searches of several processes, begun as a user begins them, and what is left of them."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scansearch.runs.tables import METRICS, TABLES

SEARCH = shlex.split(
    "run --model local_vim_nano --epochs 3 --batch-size 16 --out run --set limit=96 --set validation_limit=33 --set patch_size=2 "
    "--set depth=2 --set scan_backend=torch --set accelerator=cpu --set checkpoint_steps=4"
)
SAME = (*(table.name for table in TABLES["search"] if table.repeatable), "genotype.json")
RANK_1 = "int(os.environ.get('RANK', 0)) == 1"
NO_FIGURES = "import scansearch.finish; scansearch.finish._draw_all = lambda *arguments: None"
"""Code for ``begin``: drawing takes as long as such a search."""
needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="asks /proc for children")


def begin(folder: Path, *arguments: str, python: tuple[str, ...] = (), code: str = "") -> subprocess.Popen[str]:
    """Starts the command line; ``code`` runs before it in every process."""
    if not python:
        (folder / "program.py").write_text(f"import os, signal\n{code}\nfrom scansearch.__main__ import main\nmain()\n")
        python = ("program.py",)
    quiet = (
        {"TORCH_CPP_LOG_LEVEL": "ERROR"} if code else {}
    )  # the program sets it before it imports torch; ``code`` may be first
    return subprocess.Popen(
        [sys.executable, *python, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **quiet},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # tests may run in the background
    )


def ended(process: subprocess.Popen[str], status: int) -> str:
    """What it says on standard error; on standard output nothing is said twice."""
    shown, errors = process.communicate(timeout=300)
    assert process.returncode == status, errors
    assert len(set(shown.splitlines())) >= len([line for line in shown.splitlines() if line.strip()]) - 1, shown
    return errors


def search(folder: Path, *arguments: str, status: int = 0, code: str = "") -> str:
    return ended(begin(folder, *arguments, code=code), status)


def rows(folder: Path) -> list[dict[str, float]]:
    with (folder / "run" / METRICS.name).open() as file:
        return [
            {key: float(value or "nan") for key, value in row.items() if key != "measure"}
            for row in csv.DictReader(file)
        ]


def contents(folder: Path) -> dict[str, str]:
    found = {name: (folder / "run" / name).read_text() for name in SAME}
    genotype = json.loads(found["genotype.json"])
    del genotype["search"]["command"]
    return {**found, "genotype.json": json.dumps(genotype)}


def children(process: subprocess.Popen[str]) -> dict[int, int]:
    """Process numbers by rank."""
    found = {}
    for number in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        pairs = (pair.partition("=") for pair in Path(f"/proc/{number}/environ").read_text().split("\0"))
        environment = {name: value for name, _, value in pairs}
        if "RANK" in environment:
            found[int(environment["RANK"])] = int(number)
    return found


def wait_for_step(folder: Path, process: subprocess.Popen[str], least: int = 4) -> None:
    while not any(int(path.name[5:14]) >= least for path in folder.glob("run/checkpoints/step-*")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)
