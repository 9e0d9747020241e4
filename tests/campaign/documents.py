"""Genotypes, spaces, tables of costs and settings."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from cases import TINY, Case, Maker, finished, json_mutant, toml_mutant

from scansearch.shape import ImageShape


def genotype(folder: Path) -> Maker:
    """genotype.json of a search."""
    path = finished(folder) / "genotype.json"

    def make(random: Random, work: Path) -> Case:
        json_mutant(random, path.read_bytes(), work / "g.json")
        command = random.choice(
            (
                ["plot", "g.json", "--figure", "heatmap"],
                ["export", "g.json", "--to", "localmamba"],
                ["export", "g.json", "--to", "json"],
            )
        )
        return Case("genotype", [[*command, "--out", "f"]])

    return make


def space(folder: Path) -> Maker:
    """A space with every section, as JSON or TOML."""
    sound = {
        "name": "mine", "candidates": ["h", "h_flip", "v", "v_flip", "w2", "w2_flip"], "keep": [1, 3],
        "constraints": [{"kind": "flip_pairs", "least": 1}, {"kind": "count", "of": ["w*"], "most": 1}],
        "budget": {"limit": 1e6, "formula": "vmamba"}, "layers": {"0": {"keep": 2}},
        "stages": {"0": {"candidates": ["h", "v", "h_flip", "v_flip"]}},
    }  # fmt: skip

    def make(random: Random, work: Path) -> Case:
        name = _text_mutant(random, sound, work / "space")
        run = ["run", "--space", name, *TINY]
        command = random.choice(
            (["spaces", name, "--model", "local_vim_nano", "--image-size", "8"], run, ["spaces", name, "--json"])
        )
        return Case("space", [command])

    return make


def costs(folder: Path) -> Maker:
    """A table of costs that a budget names."""
    from scansearch.cost import flops_table
    from scansearch.registry import MODELS

    spec = MODELS.get("local_vim_nano").configure(depth=2, patch_size=2)
    names = ["h", "h_flip", "v", "v_flip"]
    table = flops_table(spec, [names] * 2, ImageShape(8, 8, channels=1, classes=10))
    folder.mkdir(parents=True)
    table.save(folder / "costs.json")

    def make(random: Random, work: Path) -> Case:
        json_mutant(random, (folder / "costs.json").read_bytes(), work / "costs.json")
        limit = random.choice((1e5, 1e6, 1e9))
        (work / "s.toml").write_text(
            f'name = "s"\ncandidates = {names}\nkeep = [1, 2]\nbudget = {{limit = {limit}, table = "costs.json"}}\n'
        )
        return Case("costs", [["run", "--space", "s.toml", *TINY]])

    return make


def settings(folder: Path) -> Maker:
    """A file for --config."""
    sound = {
        "train": {"epochs": 1, "batch_size": 32, "lr": 0.003, "optimizer": "adamw", "warmup_epochs": 0.5},
        "machine": {"threads": 1}, "data": {"limit": 64},
        "strategy": {"level": "bilevel", "held_out": 0.5, "alpha_lr": 0.01}, "model": {"depth": 2, "patch_size": 2, "embed_dim": 16},
        "augment": {"shift": 0.1, "flip": 0.5, "mixup": 0.2}, "space": {"keep": 2},
    }  # fmt: skip

    def make(random: Random, work: Path) -> Case:
        name = toml_mutant(random, sound, work / "c")
        tiny = [word for word in TINY if word not in ("--epochs", "1")]
        return Case("settings", [["run", "--config", name, *tiny]])

    return make


def _text_mutant(random: Random, sound: dict[str, Any], stem: Path) -> str:
    if random.random() < 0.5:
        return toml_mutant(random, sound, stem)
    target = stem.with_suffix(".json")
    json_mutant(random, json.dumps(sound).encode(), target)
    return target.name
