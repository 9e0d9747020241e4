"""Whether a finished search is the one that its run folder names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scansearch.genotype import Genotype
from scansearch.runs.config import RunConfig
from scansearch.runs.origin import compare


def check_result(genotype: Genotype, config: RunConfig, environment: Mapping[str, Any], folder: Path) -> None:
    """Checks that a finished run's genotype.json names the search of its config.toml.

    Raises:
        RunFolderError: If not, naming the entries and their values.
    """
    ours = {
        "model": config.model.name,
        "strategy": config.strategy.name,
        "settings": config.strategy.settings,
        "seed": config.seed,
        "epochs": config.train.epochs,
        "data": environment["data"],
    }
    told = {**genotype.search, "model": genotype.model}
    there = {key: told.get(key) for key in ours}
    compare(there, ours, f"{folder / 'genotype.json'} says", "the run that made it has")
