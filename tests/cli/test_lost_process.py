"""One of several processes is killed, stopped or fails: one line, all end, and the run goes on from there with the same bytes."""

import os
import signal
import time
from pathlib import Path

import pytest
from several_processes import RANK_1, SEARCH, begin, children, contents, ended, needs_proc, search, wait_for_step

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("what", ERRORS)
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("step", [0, 5])
def test_an_error_of_one_process_ends_all_with_its_line(tmp_path, what, rank, step):
    error, status, line = ERRORS[what]
    code = IN_ONE.format(rank=RANK_1 if rank else "os.environ.get('RANK') == '0'", step=step, error=error)
    assert search(tmp_path, *SEARCH, "--devices", "2", status=status, code=code) == line
    assert (tmp_path / "run").exists() == (step > 0)


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
