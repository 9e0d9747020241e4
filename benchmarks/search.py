"""A search of a benchmark: the real one, as `scansearch run` makes it, but without a trace and without figures."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scansearch.genotype import Genotype
from scansearch.searching.assemble import start
from scansearch.searching.configure import make_config
from scansearch.space import SearchSpace, find_space
from scansearch.training.events import Listener


def named(strategy: str) -> tuple[str, dict[str, Any]]:
    """A strategy's name, and the settings that stand behind it: numbers, or text."""
    name, *settings = strategy.split(",")
    return name, {key: _value(text) for key, _, text in (setting.partition("=") for setting in settings)}


def search(
    *,
    strategy: str,
    model: str,
    data: str,
    space: str | SearchSpace = "default8",
    seed: int = 0,
    listener: Listener | None = None,
    **settings: Any,
) -> Genotype:
    """Searches in a temporary run folder; the arguments are those of ``scansearch.search``."""
    config = make_config(
        space=find_space(space), strategy=strategy, model=model, data=data, seed=seed, settings=settings
    )
    with TemporaryDirectory() as folder:
        return start(config, Path(folder) / "run", listener)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
