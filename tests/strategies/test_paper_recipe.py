"""The preset ``paper`` of darts: LocalMamba's search as its code has it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from scansearch.models import BackboneSpec
from scansearch.registry import MODELS
from scansearch.runs.config import RunConfig
from scansearch.searching.assemble import start
from scansearch.searching.configure import make_config, model_of
from scansearch.space import find_space


def paper(model: str = "local_vim_nano", **settings: Any) -> RunConfig:
    names: dict[str, Any] = {"strategy": "darts", "model": model, "data": "digits", "preset": "paper"}
    return make_config(space=find_space("default8"), settings=settings, **names)


def test_the_published_settings() -> None:
    config = paper()
    assert config.machine.precision == "32"
    train = {
        "epochs": 100,
        "batch_size": 1024,
        "optimizer": "adamw",
        "lr": 1e-3,
        "min_lr": 1e-6,
        "warmup_epochs": 20,
        "warmup_by": "epoch",
        "decay_by": "step",
        "weight_decay": 0.04,
        "clip_norm": 0.0,
        "label_smoothing": 0.1,
    }
    assert config.train.model_dump(include=set(train)) == train
    assert config.augment.model_dump(exclude_defaults=True) == {
        "crop_min": 0.08,
        "flip": 0.5,
        "rand_augment": 9,
        "rand_augment_form": "localmamba",
        "erase": 0.25,
        "erase_max": 1 / 3,
        "mixup": 0.2,
        "cutmix": 1.0,
        "mix_together": 128,
    }
    assert config.augment.rand_augment_std == 0.5
    options = model_of(config).options.model_dump()
    assert {name: options[name] for name in ("drop_path", "init", "decay_positions")} == {
        "drop_path": 0.1,
        "init": "released",
        "decay_positions": False,
    }
    assert config.strategy.settings["level"] == "joint"
    assert config.strategy.settings["alpha_weight_decay"] == 0.04


def test_what_is_set_wins_in_every_section() -> None:
    config = paper(precision="bf16", drop_path=0.3, rand_augment=0, warmup_by="step")
    assert (config.machine.precision, config.model.settings["drop_path"]) == ("bf16", 0.3)
    assert (config.augment.rand_augment, config.train.warmup_by) == (0, "step")


def test_a_backbone_without_these_options_takes_the_rest() -> None:
    MODELS.register("bare", BackboneSpec("bare", "", lambda shape: nn.Identity(), nn.Identity))
    try:
        config = paper("bare")
    finally:
        MODELS.unregister("bare")
    assert config.model.settings == {}
    assert config.train.epochs == 100


def test_a_search_on_digits(tmp_path) -> None:
    few = {"epochs": 1, "warmup_epochs": 0.5, "limit": 96, "validation_limit": 32, "depth": 2, "patch_size": 2}
    config = paper(**few, batch_size=48, scan_backend="torch")
    genotype = start(config, tmp_path / "run")
    assert [len(layer.directions) for layer in genotype.layers] == [4, 4]
    torch.manual_seed(7)  # whatever was drawn before
    assert start(config, tmp_path / "again") == genotype
    assert (tmp_path / "again" / "metrics.csv").read_bytes() == (tmp_path / "run" / "metrics.csv").read_bytes()
