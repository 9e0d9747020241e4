"""A training: stopped or killed anywhere, it ends with the same bytes, and its folder says all that it needs."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

import scansearch
from scansearch.errors import InterruptedRunError, RunFolderError, ScansearchError
from scansearch.genotype import Genotype
from scansearch.retraining.train_run import resume_training, start_training
from scansearch.runs.config import read_config
from scansearch.runs.run import Run
from scansearch.runs.tables import EPOCHS
from scansearch.runs.weights_file import load_network
from scansearch.training.events import Silent

SAME = ("weights.safetensors", "epochs.csv", "genotype.json", "config.toml")


class Killed(BaseException):
    """Ends a training as kill -9 does: nothing is saved any more."""


class At(Silent):
    """Does something after a step."""

    def __init__(self, step, act):
        self.step, self.act, self.notes = step, act, []

    def stepped(self, progress):
        if progress.step == self.step:
            self.act()

    def warned(self, message):
        self.notes.append(message)


def kill():
    raise Killed


def stop():
    signal.raise_signal(signal.SIGTERM)


def contents(folder):
    return {name: (folder / name).read_bytes() for name in SAME}


@pytest.mark.parametrize(("step", "error"), [(2, Killed), (4, Killed), (7, Killed), (5, InterruptedRunError)])
def test_whenever_it_ends_it_resumes_byte_for_byte(step, error, genotype, short, trained, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(error):
        start_training(short(), genotype, folder, At(step, kill if error is Killed else stop))
    assert not (folder / "weights.safetensors").exists()
    torch.manual_seed(99)  # random numbers come from the checkpoint
    network = resume_training(folder)
    assert contents(folder) == contents(trained.path)
    assert all(torch.equal(v, trained.network.state_dict()[n]) for n, v in network.state_dict().items())


def test_a_stop_after_the_last_step_changes_nothing(genotype, short, trained, tmp_path):
    start_training(short(), genotype, tmp_path / "run", At(8, stop))
    assert contents(tmp_path / "run") == contents(trained.path)


def test_the_folder_gives_the_network_back(trained):
    run = Run.open(trained.path)
    network, images = run.network(), torch.rand(3, 1, 8, 8)
    assert not network.training
    torch.testing.assert_close(network(images), trained.network(images), rtol=1e-4, atol=1e-5)  # by another backend
    assert run.genotype.directions == [list(names) for names in read_config(trained.path).genotype.directions]
    assert (run.genotype.model, run.genotype.shape.size) == ("local_vim_nano", (8, 8))
    rows = run.rows(EPOCHS)
    assert [(row.epoch, row.step) for row in rows] == [(1, 4), (2, 8)]
    assert len(run.checkpoints) == 2
    facts, _ = load_network(run.weights)
    assert facts.class_names == tuple("0123456789")


def test_what_is_kept_is_the_average_of_the_weights(genotype, short, trained, tmp_path):
    plain = start_training(short(ema=0), genotype, tmp_path / "run")
    averaged = trained.network.state_dict()
    assert any(not torch.equal(value, averaged[name]) for name, value in plain.state_dict().items())
    table = [
        (folder / "epochs.csv").read_text().splitlines()[1].split(",") for folder in (tmp_path / "run", trained.path)
    ]
    assert table[0][:4] == table[1][:4]  # the training itself is the same
    assert table[0][4] != table[1][4]


def test_resume_of_one_that_is_done_returns_its_network(trained):
    before = contents(trained.path)
    assert torch.equal(resume_training(trained.path).head.weight, trained.network.head.weight)
    assert contents(trained.path) == before


def test_a_genotype_that_was_lost_is_written_again(trained, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained.path, folder)
    (folder / "genotype.json").unlink()
    resume_training(folder)
    again, before = Run.open(folder).genotype, Run.open(trained.path).genotype
    assert (again.directions, again.model, again.options, again.shape) == (
        before.directions, before.model, before.options, before.shape,
    )  # fmt: skip
    assert "genotype.json was lost; it is written again" in (folder / "log.txt").read_text()


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        (
            "config.toml",
            "momentum = 0.9",
            "momentum = 0.8",
            "config.toml says train.momentum = 0.8, but the checkpoint was made with",
        ),
        ("config.toml", '"v_flip"', '"v"', "config.toml says genotype.directions = "),
        ("genotype.json", '"v_flip"', '"v"', "genotype.json says directions = "),
    ],
)
def test_an_edited_folder_is_refused(name, old, new, says, trained, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained.path, folder)
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    with pytest.raises(RunFolderError) as caught:
        resume_training(folder)
    assert says in str(caught.value)


def test_a_kill_before_the_genotype_is_written_costs_nothing(genotype, short, tmp_path, trained):
    with pytest.raises(Killed):
        start_training(short(), genotype, tmp_path / "run", At(2, kill))
    (tmp_path / "run" / "genotype.json").unlink()
    resume_training(tmp_path / "run")
    assert (tmp_path / "run" / "weights.safetensors").read_bytes() == (
        trained.path / "weights.safetensors"
    ).read_bytes()


def test_a_checkpoint_of_another_training_is_refused(genotype, short, tmp_path):
    from scansearch.runs.checkpoint import load_checkpoint, save_checkpoint

    folder = tmp_path / "run"
    with pytest.raises(Killed):
        start_training(short(), genotype, folder, At(4, kill))
    path, state = load_checkpoint(folder / "checkpoints", print)
    del state["average"]["head.weight"]
    path.unlink()
    save_checkpoint(folder / "checkpoints", 3, state)
    with pytest.raises(RunFolderError, match="is not one of this run: the network lacks 'head.weight'"):
        resume_training(folder)


def test_a_genotype_for_another_model_says_which_it_fits(short, tmp_path):
    other = Genotype.from_directions([["h", "v"]] * 6)
    with pytest.raises(ScansearchError) as caught:
        scansearch.train(tmp_path / "run", genotype=other, model="local_vim_nano", data="digits", limit=64)
    told = str(caught.value)
    assert "the genotype has 6 layers, but local_vim_nano has 4 layers; set depth=6, or choose by --model one" in told
    assert "that it fits: local_vim_micro" in told
    assert not (tmp_path / "run").exists()
    with pytest.raises(ScansearchError, match=r"^a genotype names no model; choose the one that it is for by --model"):
        scansearch.train(tmp_path / "run", genotype=other, data="digits")


def test_other_grids_than_those_of_the_search_are_told(genotype, short, tmp_path):
    layers = [{"grid": [8, 8], "directions": names} for names in genotype.directions]
    other = Genotype.from_dict({"layers": layers})
    listener = At(1, kill)
    with pytest.raises(Killed):
        start_training(short(), other, tmp_path / "run", listener)
    assert any("searched on grids of other sizes, as 8 x 8 tokens instead of 4 x 4" in note for note in listener.notes)


def test_a_search_leaves_no_trained_network(searched):
    with pytest.raises(
        RunFolderError, match="is a search, which leaves no trained network; train the one it found with"
    ):
        Run.open(searched).network()


def test_python_trains_what_a_run_has_found(searched, tmp_path):
    network = scansearch.train(
        tmp_path / "run", genotype=searched, epochs=1, limit=64, batch_size=32, scan_backend="torch"
    )
    config = read_config(tmp_path / "run")
    assert (config.kind, config.data.name, config.data.image_size, config.model.settings["depth"]) == (
        "train",
        "digits",
        8,
        2,
    )
    assert network(torch.rand(2, 1, 8, 8)).shape == (2, 10)
    card = (tmp_path / "run" / "model_card.md").read_text()
    assert "# local_vim_nano trained on digits" in card
    assert "No test image was looked at yet" in card
    assert torch.equal(scansearch.resume(tmp_path / "run").head.weight, network.head.weight)


@pytest.mark.slow
def test_kill_9_at_any_moment(tmp_path):
    arguments = (
        "train --genotype g.json --data digits --epochs 4 --set limit=96 --set batch_size=16 --set scan_backend=torch "
    )
    arguments += "--set checkpoint_steps=4 --set flip=0.5 --out"
    options = {"depth": 2, "patch_size": 2}
    Genotype.from_directions([["h", "v"], ["w2", "h_flip"]], model="local_vim_nano", options=options).save(
        tmp_path / "g.json"
    )

    def begin(*words):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "scansearch", *words]
        return subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    whole = begin(*arguments.split(), "whole")
    assert whole.wait(300) == 0, whole.stderr.read()
    for number, delay in enumerate((0.0, 0.15, 0.4)):
        folder = tmp_path / f"cut{number}"
        process = begin(*arguments.split(), folder.name)
        while not list(folder.glob("checkpoints/step-*")):
            time.sleep(0.01)
        time.sleep(delay)
        process.kill()
        process.wait()
        resumed = begin("resume", folder.name)
        assert resumed.wait(300) == 0, resumed.stderr.read()
        assert contents(folder) == contents(tmp_path / "whole")
