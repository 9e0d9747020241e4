"""Recipes: how final networks are trained, as TOML by section. Ours lie in ``scansearch/recipes``; a file is as good."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from scansearch.documents import read_toml
from scansearch.errors import ScansearchError
from scansearch.registry import natural_key, unknown_name
from scansearch.runs.config import parse_config
from scansearch.strategy.preset import Preset

USUAL = "laptop"
"""The recipe if none is chosen, and what others stand on."""
OURS = ("machine", "train", "augment", "model")
"""The sections of a recipe."""


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    names = (Path(entry.name) for entry in files("scansearch").joinpath("recipes").iterdir())
    return sorted((name.stem for name in names if name.suffix == ".toml"), key=natural_key)


def find_recipe(source: str) -> Preset:
    """A recipe by its name, or from a file; ``config.toml`` of a training is one, too.

    Raises:
        ScansearchError: If there is none, or the file has other sections.
    """
    if source in recipe_names():
        return _read(Path(str(files("scansearch").joinpath("recipes", f"{source}.toml"))))
    path = Path(source)
    if not path.exists() and path.suffix != ".toml":
        raise unknown_name("recipe", source, recipe_names())
    return _read(path)


def _read(path: Path) -> Preset:
    values = read_toml(path)
    if "format" in values:
        return Preset(_of_run(values, path), str(path))
    source, left_out = values.pop("source", str(path)), values.pop("not_here", [])
    if not isinstance(source, str) or not isinstance(left_out, list) or not all(isinstance(x, str) for x in left_out):
        raise ScansearchError(f"{path}: source of a recipe is a text, and not_here a list of texts; write them so")
    for name in values:
        if name not in OURS:
            raise unknown_name(f"section in recipe {path}", name, list(OURS))
    return Preset(values, source, tuple(left_out))


def _of_run(values: dict[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    config = parse_config(values, path)
    if config.kind != "train":
        raise ScansearchError(f"{path} is of a run of kind {config.kind}, but a recipe is that of a training; name one")
    told = config.model_dump(mode="json", include={"machine", "train", "augment"})
    return {**told, "model": config.model.settings}
