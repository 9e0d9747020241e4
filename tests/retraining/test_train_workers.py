"""A training whose images other processes read: killed and resumed with another number of them, it ends with the same bytes."""

import pytest
from encoded_sets import write_imagenet
from test_train_run import At, Killed, contents, kill

from scansearch.retraining.train_config import Subject, make_train_config
from scansearch.retraining.train_run import resume_training, start_training

SETTINGS = {
    "epochs": 2, "batch_size": 8, "scan_backend": "torch", "image_size": 8, "crop_min": 0.2, "mixup": 0.2, "checkpoint_steps": 2,
}  # fmt: skip


def test_it_ends_with_the_same_bytes_whoever_reads(genotype, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = write_imagenet(tmp_path / "images")

    def config(workers):
        subject = Subject(genotype, "a genotype", data="imagenet", data_root=str(root))
        return make_train_config(subject, settings={**SETTINGS, "workers": workers})

    start_training(config(0), genotype, tmp_path / "undisturbed")
    folder = tmp_path / "run"
    with pytest.raises(Killed):
        start_training(config(1), genotype, folder, At(4, kill))
    text = (folder / "config.toml").read_text()
    assert text.count("workers = 1\n") == 1
    (folder / "config.toml").write_text(text.replace("workers = 1\n", "workers = 0\n"))
    resume_training(folder)
    assert contents(folder) == contents(tmp_path / "undisturbed")
