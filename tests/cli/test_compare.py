"""`scansearch compare`: random genotypes trained side by side in processes, and what it prints."""

import json
import shutil
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def trained(train_two_layers, tmp_path_factory):
    return train_two_layers(tmp_path_factory.mktemp("trained"), 2)


@pytest.fixture
def run(trained, here):
    shutil.copytree(trained, here / "run")
    return here / "run"


def test_side_by_side_and_one_after_the_other_give_the_same(call, run, tmp_path):
    shutil.copytree(run, tmp_path / "again")
    result = call("compare", "run", "--random", 2, "--jobs", 2)
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
    at = lines.index("accuracy on 270 test images of digits")
    assert [line.split()[0] for line in lines[at + 1 : at + 4]] == ["found", "random", "random"]
    assert "random genotypes of space four, trained as it was: p = " in result.out
    assert "2 random ones can show no less than p = 0.33; --random 19 reaches 0.05" in result.out
    one = call("compare", tmp_path / "again", "--random", 2, "--jobs", 1, "--json")
    assert one.status == 0
    told = json.loads(one.out)
    assert told["p"] in (1 / 3, 2 / 3, 1.0)
    for name in ("comparison.json", "random/1/weights.safetensors", "random/2/epochs.csv"):
        assert (run / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    again = call("compare", "run", "--random", 2)
    assert again.out[again.out.index("accuracy on") :] == result.out[result.out.index("accuracy on") :]


def test_one_alone_and_then_the_rest(call, run):
    first = call("compare", "run", "--random", 2, "--only", 2)
    assert first.status == 0
    assert "random 2 is trained; `scansearch compare run --random 2` compares all" in first.out
    assert not (run / "random" / "1").exists()
    assert call("compare", "run", "--random", 2, "--jobs", 1).status == 0
    assert (run / "comparison.json").exists()


@pytest.mark.slow
def test_killed_trainings_go_on(run):
    command = [sys.executable, "-m", "scansearch", "compare", "run", "--random", "2", "--jobs", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while " begins, " not in process.stdout.readline():
        assert process.poll() is None
    process.kill()
    process.communicate()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "accuracy on 270 test images" in done.stdout


def test_bad_input_is_one_line(refused, run):
    assert "--only is 1 to 2, the number of random genotypes, but got 3" in refused(
        "compare", "run", "--random", 2, "--only", 3
    )
    assert "holds no run" in refused("compare", "nothing")
    assert "unknown search space 'eight'" in refused("compare", "run", "--space", "eight")
