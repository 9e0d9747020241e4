"""Several processes end as one: with the line and the status of the one that matters."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import torch

from scansearch.errors import ScansearchError
from scansearch.machine.launched import LOST
from scansearch.training.launch import LostProcessError, Report, _why, launch

SAY = """
import json, os, signal, sys, time
def say(line, status):
    told = {"message": {"message": line, "extraInfo": {"timestamp": "1"}}, "status": status, "time": time.time_ns()}
    open(os.environ["TORCHELASTIC_ERROR_FILE"], "w").write(json.dumps(told))
    sys.exit(status)
rank = int(os.environ["RANK"])
"""


def run(code, processes=2):
    launch(sys.executable, ["-c", SAY + textwrap.dedent(code)], processes)


def test_every_process_knows_who_it_is_and_has_its_share_of_the_threads(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    threads = max(1, torch.get_num_threads() // 2)
    run(f"open({str(tmp_path)!r} + f'/{{rank}}', 'w').write(os.environ['OMP_NUM_THREADS'])")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"0": str(threads), "1": str(threads)}
    assert dict(os.environ) == before
    assert signal.getsignal(signal.SIGTERM) == handler


def test_a_number_of_threads_that_was_given_stays(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    run("assert os.environ['OMP_NUM_THREADS'] == '3'")


@pytest.mark.parametrize("status", [1, 2, 130])
def test_an_error_of_one_ends_the_others(status):
    began = time.monotonic()
    with pytest.raises(ScansearchError, match="^image 3 is damaged$") as caught:
        run(f"say('image 3 is damaged', {status}) if rank else time.sleep(60)")
    assert caught.value.exit_status == status
    assert time.monotonic() - began < 20


def reports(*told):
    return [Report(line, status, time) for time, (line, status) in enumerate(told)]


KILLED, ENDED = -signal.SIGKILL, -signal.SIGTERM  # by somebody, and by the launcher as it ends those that are left
CASES = {
    "the first error": ({0: 2, 1: 1}, reports(("damaged", 2), ("KeyError", 1)), "damaged", 2),
    "not the error that follows from it": ({0: 3, 1: 1}, reports(("lost", LOST), ("KeyError", 1)), "KeyError", 1),
    "not those that the launcher ends": ({0: ENDED, 1: 2}, reports(("damaged", 2), ("stopped", 130)), "damaged", 2),
    "an interruption of one": ({0: ENDED, 1: 130}, reports(("stopped", 130)), "stopped", 130),
    "a kill": (
        {0: 3, 1: KILLED},
        reports(("lost", LOST)),
        "process 2 of 2 was ended by SIGKILL, and the others with it",
        1,
    ),
    "a kill, whatever the others say of their end": (
        {0: KILLED, 1: 130},
        reports(("stopped", 130)),
        "process 1 of 2 was ended by SIGKILL, and the others with it",
        1,
    ),
    "nothing": ({1: ENDED}, [], "process 2 of 2 was ended by SIGTERM, and the others with it", 1),
}


@pytest.mark.parametrize("case", CASES)
def test_of_all_ends_the_cause_is_told(case):
    statuses, told, line, status = CASES[case]
    error = _why(statuses, told, 2)
    assert (str(error), error.exit_status) == (line, status)


def test_a_kill_ends_the_others():
    with pytest.raises(LostProcessError, match="^process 2 of 2 was ended by SIGKILL, and the others with it$"):
        run("os.kill(os.getpid(), signal.SIGKILL) if rank else time.sleep(60)")


def test_an_end_without_a_word():
    with pytest.raises(LostProcessError, match="^process 1 of 2 ended with exit status 7, and the others with it$"):
        run("os._exit(0 if rank else 7)")


PARENT = """
import sys
from scansearch.errors import ScansearchError
from scansearch.training.launch import launch
try:
    launch(sys.executable, ["-c", sys.argv[1]], 2)
except (ScansearchError, KeyboardInterrupt) as error:
    print(repr(error))
"""
STOP = """
def stop(number, frame):
    time.sleep(0.3 * rank)
    say(f"stopped by {signal.Signals(number).name}", 130)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, stop)
"""
SILENT = "signal.signal(signal.SIGINT, signal.SIG_DFL)"


@pytest.mark.parametrize(
    ("prepare", "said"), [(STOP, "InterruptedRunError('stopped by {}')"), (SILENT, "KeyboardInterrupt()")]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_goes_to_all(tmp_path, prepare, said, number):
    code = f"{SAY}{prepare}\nopen({str(tmp_path)!r} + f'/{{rank}}', 'w')\ntime.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while len(list(tmp_path.iterdir())) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.communicate(timeout=60)[0].strip() == said.format(number.name)
