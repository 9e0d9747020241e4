"""`scansearch confirm`: halves side by side in processes, whatever ends them; and what it prints."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

EPOCHS = "40"  # a step each: long enough to be disturbed
TABLES = ("metrics.csv", "layers.csv", "scores.csv", "genotype.json")


def contents(folder):
    """What comes out the same if it is done again: tables and genotypes of the run and of its halves."""
    names = [f"{place}{name}" for place in ("", "confirm/half-1/", "confirm/half-2/") for name in TABLES]
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture
def run(finished, here):
    """A copy of the finished run, as ``run`` in the working directory."""
    shutil.copytree(finished.path, here / "run")
    return here / "run"


def begin(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "scansearch", "confirm", "run", "--epochs", EPOCHS, "--jobs", "2", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "2"},  # one for each half
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def steps(run, number):
    """The newest checkpoint of a half."""
    found = (run / "confirm" / f"half-{number}" / "checkpoints").glob("step-*.safetensors")
    return max((int(re.match(r"step-(\d+)", path.name)[1]) for path in found), default=-1)


def wait_for_a_step(process, run, number):
    before = steps(run, number)
    while steps(run, number) <= max(before, 0):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)


def ended(process):
    """Status and standard error, in which there is one line or none."""
    _, errors = process.communicate(timeout=300)
    assert errors.count("\n") <= 1, errors
    return process.returncode, errors


def halves_of(process):
    """The processes that search halves for another one, by number: their command lines say so."""
    columns = ["ps", "-eo", "pid=,ppid=,args="]
    listed = [line.split() for line in subprocess.run(columns, capture_output=True, text=True).stdout.splitlines()]
    mine = [words for words in listed if words[1] == str(process.pid) and "--half" in words]
    return {int(words[words.index("--half") + 1]): int(words[0]) for words in mine}


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_whatever_ends_it_the_same_call_ends_with_the_same_bytes(run, here):
    undisturbed = here / "undisturbed" / "run"
    shutil.copytree(run, undisturbed)
    assert ended(begin(here / "undisturbed")) == (0, "")

    process = begin(here)
    wait_for_a_step(process, run, 2)
    halves = halves_of(process)
    process.kill()
    process.communicate()
    while any(map(alive, halves.values())):  # they notice that nobody listens
        time.sleep(0.01)
    assert not (run / "confirm" / "half-2" / "genotype.json").exists()

    process = begin(here)
    wait_for_a_step(process, run, 1)
    process.send_signal(signal.SIGTERM)
    status, errors = ended(process)
    assert status == 130
    assert errors.startswith("stopped by SIGTERM; nothing is lost: continue with `")
    assert f"confirm run --epochs {EPOCHS}`" in errors

    process = begin(here)
    wait_for_a_step(process, run, 1)
    os.kill(halves_of(process)[1], signal.SIGKILL)
    status, errors = ended(process)
    assert status == 1
    assert errors.startswith(
        "error: half 1 was ended by SIGKILL; all up to its last checkpoint is kept: continue with `"
    )

    assert not (run / "confirm" / "half-1" / "genotype.json").exists()
    assert ended(begin(here)) == (0, "")
    assert contents(run) == contents(undisturbed)


@pytest.mark.slow
def test_a_second_call_waits_for_halves_whose_first_was_killed(run, here):
    process = begin(here)
    wait_for_a_step(process, run, 2)
    process.kill()
    process.communicate()
    assert ended(begin(here)) == (0, "")


@pytest.mark.slow
def test_a_half_that_fails_ends_the_other_and_says_why(run, here):
    process = begin(here)
    for number in (1, 2):
        wait_for_a_step(process, run, number)
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130
    for path in (run / "confirm" / "half-2" / "checkpoints").glob("step-*"):
        path.write_bytes(b"nothing")
    before = steps(run, 1)
    status, errors = ended(begin(here))
    assert status == 2
    assert re.match(r"error: half 2: run/confirm/half-2/checkpoints: all \d checkpoints are damaged", errors)
    assert steps(run, 1) >= before


def test_it_says_what_the_halves_agree_on(run, call, finished):
    text = call("confirm", "run", "--epochs", "1", "--jobs", "1").out
    assert "margin    in both halves   by chance" in text
    assert re.search(
        r"two searches on separate halves of the images, 1 epoch each: both chose \d of 8 directions", text
    )
    assert re.search(r"chance gives 5.3; p = [\d.e-]+ \(exact\)", text)
    assert ("nothing is confirmed:" in text) != ("directions are confirmed (●)" in text)
    assert ("which of them are there by chance" in text) == ("directions are confirmed (●)" in text)
    assert "figures/heatmap.png" in text
    assert "confirm run" not in text
    assert f"confirm {finished.path}" in finished.out.replace("\n", "")


def test_json_is_for_other_programs(run, call):
    result = call("confirm", "run", "--epochs", "1", "--jobs", "1", "--json")
    told = json.loads(result.out)
    assert told["run"] == "run"
    assert told["confirmed"]["pairs"] == 1
    assert told["confirmed"] == json.loads((run / "genotype.json").read_text())["confirmed"]
    assert [len(names) for names in told["directions"]] == [4, 4]


def test_one_half_on_another_machine(run, call):
    result = call("confirm", "run", "--epochs", "1", "--half", "2")
    assert result.status == 0, result.err
    assert "half 2 is done; `scansearch confirm run --epochs 1` says what both halves agree on" in result.out.replace(
        "\n", " "
    )
    assert (run / "confirm" / "half-2" / "figures" / "heatmap.png").exists()
    assert not (run / "confirm" / "half-1").exists()
    lines = call("confirm", "run", "--epochs", "1", "--half", "1", "--json").out.splitlines()
    assert [json.loads(line)[0] for line in lines if "epoch_done" in line] == ["epoch_done"]


def test_a_half_that_no_pair_has_is_refused(run, refused):
    assert (
        refused("confirm", "run", "--half", "3").strip()
        == "--half is 1 to 2, two a pair, but got 3; half 3 needs --pairs 2"
    )


def test_a_genotype_is_no_run(run, refused):
    assert (
        refused("confirm", "run/genotype.json").strip() == "run/genotype.json is a file; a run is a folder, perhaps run"
    )


def test_a_folder_elsewhere_is_refused(run, refused, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (run / "confirm").symlink_to(elsewhere)
    assert refused("confirm", "run").startswith("run/confirm must be a folder of the run itself")
    assert not list(elsewhere.iterdir())


def test_a_run_that_is_not_there_is_refused(here, refused):
    assert refused("confirm", "run").startswith("run holds no run (it has no config.toml)")
