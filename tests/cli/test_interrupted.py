"""Ctrl-C, SIGTERM and a closed terminal: from the first moment to the last one line and status 130, and nothing lost."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import scansearch
from scansearch.cli import interrupted
from scansearch.errors import InterruptedRunError
from scansearch.searching.loop import SearchLoop
from scansearch.training.interrupt import StopRequest
from scansearch.training.weights import Weights

SMALL = {"model": "local_vim_nano", "depth": 1, "limit": 64, "epochs": 1, "batch_size": 32, "scan_backend": "torch"}
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def begin(folder, *arguments, code=None):
    """Starts the command line; ``code`` runs before it and may change it."""
    program = ["-m", "scansearch"] if code is None else ["-c", f"{code}\nfrom scansearch.__main__ import main; main()"]
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # tests may run in the background
    )


def answers(process, number):
    """Whether the process has a handler for a signal; Python itself has one for SIGINT from the start."""
    mask = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())
    return bool(int(mask[1], 16) >> (number - 1) & 1)


def wait_until(condition, process):
    while not condition():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.001)


def ended(process):
    """Status and standard error, in which there is one line or none."""
    _, errors = process.communicate(timeout=120)
    assert errors.count("\n") <= 1, errors
    return process.returncode, errors


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks /proc which signals are caught")


@needs_proc
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_among_the_imports(here, tiny, number, times):
    process = begin(here, *tiny, "--out", "run")
    wait_until(lambda: answers(process, signal.SIGHUP), process)
    for _ in range(times):
        process.send_signal(number)
    assert ended(process) == (130, f"{interrupted.NOTHING_BEGUN}\n")
    assert not list(here.iterdir())


def test_signals_are_answered_before_anything_heavy_is_imported():
    code = (
        "import sys, scansearch.__main__ as start\n"
        "start.install = lambda: sys.exit(f\"{ {'typer', 'rich', 'torch', 'pydantic'} & set(sys.modules) }\")\n"
        "start.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "set()\n"


def test_a_signal_at_the_exit_changes_nothing(here):
    code = f"import atexit, os; atexit.register(os.kill, os.getpid(), {int(signal.SIGTERM)})"
    assert ended(begin(here, "--version", code=code)) == (0, "")


# The moments of a run, as what to interrupt: nothing on disk, the folder begun, trained, the genotype there, all done.
MOMENTS = {
    "assembling": ("scansearch.searching.assemble", "assemble", False),
    "the first checkpoint": ("scansearch.searching.loop", "SearchLoop.save", True),
    "the result": ("scansearch.searching.result", "Result.genotype", True),
    "the figures": ("scansearch.figures.render", "render", True),
}


def raising(module, name, number, times):
    owner, _, attribute = f"module.{name}".rpartition(".")
    return (
        f"import os, importlib; module = importlib.import_module({module!r})\n"
        f"def raising(*a, **k):\n    for _ in range({times}): os.kill(os.getpid(), {int(number)})\n    return real(*a, **k)\n"
        f"real = {owner}.{attribute}; {owner}.{attribute} = raising"
    )


def check_moment(here, tiny, moment, number, times):
    module, name, begun = MOMENTS[moment]
    status, errors = ended(begin(here, *tiny, "--out", "a run", code=raising(module, name, number, times)))
    assert status == 130
    assert ("continue with `scansearch resume 'a run'`" in errors) == begun
    assert (errors == f"{interrupted.NOTHING_BEGUN}\n") != begun


def test_a_file_that_is_being_written_leaves_nothing_behind(here):
    code = raising("os", "fsync", signal.SIGTERM, 1)
    status, errors = ended(begin(here, "bench", "--unit", "flops", "--out", "costs.json", code=code))
    assert (status, errors) == (130, f"{interrupted.NOTHING_BEGUN}\n")
    assert not list(here.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_draft_leaves_nothing_behind(here, number, monkeypatch):
    (here / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(here / "temporary"))
    code = raising("scansearch.export.localmamba", "_config", number, 1)
    assert ended(begin(here, "export", "local_vim_tiny", code=code)) == (130, f"{interrupted.NOTHING_BEGUN}\n")
    assert list(here.rglob("*")) == [here / "temporary"]


def test_a_signal_when_the_search_is_done(here, tiny, call):
    check_moment(here, [*tiny, "--epochs", 1], "the figures", signal.SIGTERM, 1)
    assert (here / "a run" / "genotype.json").exists()
    assert call("resume", "a run").status == 0
    assert (here / "a run" / "figures" / "heatmap.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_at_any_moment(here, tiny, moment, number, times):
    check_moment(here, tiny, moment, number, times)


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_after_any_time(here, tiny, number, times):
    for delay in (0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 2.5, 3, 4, 5, 6):
        name = f"after-{delay}"
        process = begin(here, *tiny, "--out", name)
        wait_until(lambda: answers(process, signal.SIGHUP), process)  # noqa: B023 (called at once)
        time.sleep(delay)
        for _ in range(times):
            process.send_signal(number)
            time.sleep(0.01)
        status, errors = ended(process)
        begun = (here / name / "config.toml").exists()
        assert status == 130 or (here / name / "figures" / "curves.svg").exists()
        if status == 130:
            assert errors.startswith("stopped")
            assert (f"scansearch resume {name}`" in errors) == begun
        if begun:
            resumed = begin(here, "resume", name)
            assert ended(resumed) == (0, "")


IGNORED = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"  # what nohup and a shell's background jobs hand down
)


def test_an_ignored_signal_stays_ignored():
    code = (
        f"{IGNORED}; from scansearch.cli.interrupted import install; from scansearch.training.interrupt import StopRequest\n"
        "install(); stop = StopRequest()\n"
        "with stop: signal.raise_signal(signal.SIGINT)\n"
        "signal.raise_signal(signal.SIGINT); print(stop.requested, signal.getsignal(signal.SIGTERM))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("None <function _leave")


def test_a_second_signal_does_what_it_would_have_done_without_the_first():
    with StopRequest() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.requested == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_stop_while_a_network_is_trained_alone_tells_where_the_search_stands(tmp_path, monkeypatch):
    steps = []

    def update(self, real=Weights.update):
        real(self)
        steps.append(1)
        if len(steps) == 3:  # two steps a network: in the second one
            signal.raise_signal(signal.SIGINT)

    search = {"strategy": "random_search", "judge": "training", "judge_epochs": 1, "samples": 3}
    monkeypatch.setattr(Weights, "update", update)
    with pytest.raises(InterruptedRunError) as caught:
        scansearch.search(tmp_path / "run", **search, **SMALL)
    said = "^stopped by SIGINT while genotype 2 of at most 3 was trained from scratch; that training begins again, all else is kept: "
    assert re.match(said, str(caught.value))
    assert len(steps) == 3
    monkeypatch.undo()
    scansearch.resume(tmp_path / "run")
    assert (tmp_path / "run" / "genotypes.csv").read_text().count("\n") == 4


def test_a_stop_between_two_judgements_tells_how_many_there_were(tmp_path, monkeypatch):
    def evaluate(self, *arguments, real=SearchLoop.evaluate, **more):
        if self.judged == 2:
            signal.raise_signal(signal.SIGTERM)
        return real(self, *arguments, **more)

    search = {"strategy": "single_path", "generations": 1, "population": 4, "mutations": 2, "crossovers": 0}
    monkeypatch.setattr(SearchLoop, "evaluate", evaluate)
    with pytest.raises(InterruptedRunError, match="stopped by SIGTERM after 3 of at most .* genotypes were judged"):
        scansearch.search(tmp_path / "run", **search, **SMALL)
