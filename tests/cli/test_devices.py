"""Several processes for one run: the numbers of one process, one line whatever ends them, and the same bytes after a resume."""

from __future__ import annotations

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
TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
SAME = (*(table.name for table in TABLES["search"] if table.repeatable), "genotype.json")
RANK_1 = "int(os.environ.get('RANK', 0)) == 1"


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
        return [{key: float(value or "nan") for key, value in row.items()} for row in csv.DictReader(file)]


def contents(folder: Path) -> dict[str, str]:
    found = {name: (folder / "run" / name).read_text() for name in SAME}
    genotype = json.loads(found["genotype.json"])
    del genotype["search"]["command"]
    return {**found, "genotype.json": json.dumps(genotype)}


def check_near(one: list[dict[str, float]], other: list[dict[str, float]]) -> None:
    assert len(one) == len(other) > 0
    for here, there in zip(one, other, strict=True):
        assert here["train_loss"] == pytest.approx(there["train_loss"], rel=2e-6)
        assert here == pytest.approx(there, rel=1e-3, abs=1e-6, nan_ok=True)


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


needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="asks /proc for children")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A search of two processes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert search(folder, *SEARCH, "--devices", "2") == ""
    return folder


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The same in one process."""
    folder = tmp_path_factory.mktemp("single")
    assert search(folder, *SEARCH) == ""
    return folder


def test_two_processes_learn_what_one_does(undisturbed, single):
    check_near(rows(undisturbed), rows(single))
    environment = json.loads((undisturbed / "run" / "environment.json").read_text())
    assert environment["processes"] == 2
    files = [
        sorted(str(path.relative_to(folder)) for path in folder.rglob("run/*")) for folder in (undisturbed, single)
    ]
    assert files[0] == files[1]


@pytest.mark.slow
def test_augmented_batches_and_evolution_too(tmp_path):
    """Random numbers of a batch do not depend on the number of processes; nor does what is judged by training."""
    more = [
        "--set",
        "flip=0.5",
        "--set",
        "shift=0.2",
        "--set",
        "mixup=0.5",
        "--set",
        "cutmix=0.5",
        "--set",
        "erase=0.3",
    ]
    judged = ["--strategy", "random_search", "--set", "judge=training", "--set", "judge_epochs=1", "--set", "samples=3"]
    for name, arguments in {"augmented": more, "judged": judged}.items():
        folders = [tmp_path / f"{name}-{devices}" for devices in (1, 2)]
        for devices, folder in enumerate(folders, start=1):
            folder.mkdir()
            assert search(folder, *SEARCH, *arguments, "--devices", str(devices)) == ""
        if name == "augmented":
            check_near(*map(rows, folders))
        else:
            assert (folders[0] / "run/genotypes.csv").read_text() == (folders[1] / "run/genotypes.csv").read_text()


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("rank", [0, 1])
def test_one_is_killed_and_the_run_resumed(tmp_path, undisturbed, rank):
    process = begin(tmp_path, *SEARCH, "--devices", "2")
    wait_for_step(tmp_path, process)
    os.kill(children(process)[rank], signal.SIGKILL)
    began = time.monotonic()
    line = ended(process, 1)
    assert time.monotonic() - began < 30
    assert line.startswith(
        f"error: process {rank + 1} of 2 was ended by SIGKILL, and the others with it; all up to the last"
    )
    assert line.endswith("program.py resume run`\n") or line.endswith("scansearch resume run`\n")
    assert line.count("\n") == 1
    assert search(tmp_path, "resume", "run") == ""
    assert contents(tmp_path) == contents(undisturbed)


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whom", ["parent", "child 0", "child 1"])
def test_a_signal_stops_all_after_the_same_step(tmp_path, undisturbed, whom, number):
    process = begin(tmp_path, *SEARCH, "--devices", "2")
    wait_for_step(tmp_path, process)
    os.kill(process.pid if whom == "parent" else children(process)[int(whom[-1])], number)
    line = ended(process, 130)
    assert line.startswith("stopped by ")
    assert line.count("\n") == 1
    assert "nothing is lost: continue with" in line
    assert search(tmp_path, "resume", "run", "--devices", "2") == ""
    assert contents(tmp_path) == contents(undisturbed)


@pytest.mark.slow
@needs_proc
def test_processes_do_not_outlive_their_launcher(tmp_path, undisturbed):
    process = begin(tmp_path, *SEARCH, "--devices", "2", "--epochs", "30")
    wait_for_step(tmp_path, process)
    found = children(process).values()
    process.kill()
    process.communicate()
    end = time.monotonic() + 30
    while any(Path(f"/proc/{number}/environ").exists() for number in found):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert not (tmp_path / "run" / "genotype.json").exists()


ERRORS = {
    "a damaged image": ("ScansearchError('image 3 is damaged')", 2, "error: image 3 is damaged\n"),
    "a defect": ("KeyError('w2')", 1, "error: KeyError: 'w2' (this looks like a defect; --debug shows where)\n"),
}
IN_ONE = """
from scansearch.errors import ScansearchError
from scansearch.training.feed import Feed
read = Feed._read_augmented
def fails(self, samples, stream, number):
    if {rank} and number == {step}:
        raise {error}
    return read(self, samples, stream, number)
Feed._read_augmented = fails
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ERRORS)
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("step", [0, 5])
def test_an_error_of_one_process_ends_all_with_its_line(tmp_path, what, rank, step):
    error, status, line = ERRORS[what]
    code = IN_ONE.format(rank=RANK_1 if rank else "os.environ.get('RANK') == '0'", step=step, error=error)
    assert search(tmp_path, *SEARCH, "--devices", "2", status=status, code=code) == line
    assert (tmp_path / "run").exists() == (step > 0)


@pytest.mark.slow
def test_data_that_one_process_cannot_read_end_all(tmp_path):
    code = f"""
import scansearch.searching.assemble as module
from scansearch.errors import ScansearchError
def fails(config, fabric, listener):
    if {RANK_1}:
        raise ScansearchError('photos/3.png is damaged')
    return real(config, fabric, listener)
real, module.assemble = module.assemble, fails
"""
    assert search(tmp_path, *SEARCH, "--devices", "2", status=2, code=code) == "error: photos/3.png is damaged\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_loss_that_is_not_finite_in_one_process_is_told_by_its_step(tmp_path):
    code = f"""
import torch
from scansearch.training.meter import Meter
add = Meter.add
def adds(self, step, loss, right, images):
    add(self, step, loss * float('nan') if {RANK_1} and step == 5 else loss, right, images)
Meter.add = adds
"""
    line = search(tmp_path, *SEARCH, "--devices", "2", status=2, code=code)
    assert line.startswith("error: the loss became nan at step 5; the last good checkpoint is kept")


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 3])
def test_another_number_of_processes_goes_on_and_says_so(tmp_path, undisturbed, devices):
    code = "from scansearch.training.interrupt import StopRequest\nStopRequest.asked = lambda self, *a: bool(self.requested)\n"
    stop = f"{code}\nimport scansearch.searching.loop as loop\nsave = loop.SearchLoop.save\n" + (
        "def saves(self):\n    save(self)\n    if self.step == 8: os.kill(os.getpid(), signal.SIGKILL)\nloop.SearchLoop.save = saves"
    )
    size = ["--batch-size", "24"]
    search(tmp_path, *SEARCH, *size, "--devices", "2", status=1, code=stop)
    process = begin(tmp_path, "resume", "run", "--devices", str(devices))
    shown, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "processes changed since the run began: 2 -> " in " ".join((shown + errors).split())
    assert len(rows(tmp_path)) == 3


def test_batches_that_cannot_be_shared_are_refused_before_anything_is_written(refused, tiny, here):
    line = refused(*tiny, "--devices", "3", "--out", "run")
    assert line.startswith(
        "3 processes share each batch, so its size must be a multiple of 3, but got 32; choose another --batch"
    )
    assert not list(here.iterdir())


def test_a_dry_run_needs_no_processes(call, tiny, here):
    result = call(*tiny, "--devices", "2", "--dry-run")
    assert result.status == 0
    assert "devices = 2" in result.out


@pytest.mark.slow
def test_fewer_images_than_processes_are_evaluated(tmp_path):
    judged_by_one = ["--strategy", "random_search", "--set", "images=1", "--set", "samples=4", "--set", "finalists=2"]
    assert search(tmp_path, *SEARCH, *judged_by_one, "--devices", "2") == ""
    with (tmp_path / "run" / "genotypes.csv").open() as file:
        assert len(list(csv.DictReader(file))) >= 2


@pytest.mark.slow
def test_a_study_in_a_storage_is_for_one_process(tmp_path):
    more = ["--strategy", "optuna_search", "--set", "storage=study.log", "--devices", "2"]
    assert "is shared by searches of one process each" in search(tmp_path, *SEARCH, *more, status=2)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_torchrun_is_the_same(tmp_path, undisturbed):
    process = begin(tmp_path, *SEARCH, python=(*TORCHRUN, "--standalone", "-m", "scansearch"))
    ended(process, 0)
    assert contents(tmp_path) == contents(undisturbed)


@pytest.mark.slow
def test_under_torchrun_a_run_gets_a_name_of_its_own(tmp_path):
    place = SEARCH.index("--out")
    arguments = [*SEARCH[:place], *SEARCH[place + 2 :]]
    process = begin(tmp_path, *arguments, python=(*TORCHRUN, "--standalone", "-m", "scansearch"))
    ended(process, 0)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["default8-darts-digits"]


@pytest.mark.slow
def test_a_script_under_torchrun(tmp_path, undisturbed):
    (tmp_path / "script.py").write_text(
        "import scansearch\n"
        "more = dict(model='local_vim_nano', epochs=3, batch_size=16, limit=96, validation_limit=33, patch_size=2, depth=2)\n"
        "more |= dict(scan_backend='torch', accelerator='cpu', checkpoint_steps=4)\n"
        "found = [scansearch.search(name, devices=2, **more) for name in ('run', 'again')]\n"
        "assert found[0].directions == found[1].directions\n"
        "assert scansearch.resume('run').directions == found[0].directions\n"
    )
    ended(begin(tmp_path, python=(*TORCHRUN, "--standalone", "script.py")), 0)
    assert contents(tmp_path) == contents(undisturbed)
    assert (tmp_path / "again" / "genotype.json").exists()
