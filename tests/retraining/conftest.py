"""Trainings that take about a second."""

from types import SimpleNamespace

import pytest

import scansearch
from scansearch.genotype import Genotype
from scansearch.retraining.train_config import Subject, make_train_config
from scansearch.retraining.train_run import start_training

DIRECTIONS = [["h", "v_flip"], ["w2", "v", "h_flip"]]
SHORT = {
    "epochs": 2, "limit": 64, "validation_limit": 20, "batch_size": 16, "scan_backend": "torch", "drop_path": 0.1, "flip": 0.5,
    "checkpoint_steps": 3, "ema": 0.9, "warmup_epochs": 0.5,
}  # fmt: skip


@pytest.fixture(scope="session")
def genotype():
    return Genotype.from_directions(DIRECTIONS, model="local_vim_nano", options={"depth": 2, "patch_size": 2})


@pytest.fixture(scope="session")
def short(genotype):
    """``short(lr=0.1)``: the settings of a training of eight steps."""

    def make(source="a genotype", **settings):
        subject = Subject(genotype, source, data="digits")
        return make_train_config(subject, settings={**SHORT, **settings})

    return make


@pytest.fixture(scope="session")
def trained(genotype, short, tmp_path_factory):
    """A training that nothing disturbed, shared: look, do not change."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    return SimpleNamespace(path=folder, network=start_training(short(), genotype, folder))


@pytest.fixture(scope="session")
def searched(tmp_path_factory):
    """A search whose supernet can be inherited from, shared: look, do not change."""
    folder = tmp_path_factory.mktemp("searched") / "run"
    settings = {"epochs": 2, "limit": 64, "validation_limit": 20, "batch_size": 16, "scan_backend": "torch"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scansearch.finish._draw_all", lambda *arguments: None)
        scansearch.search(folder, model="local_vim_nano", data="digits", depth=2, patch_size=2, **settings)
    return folder
