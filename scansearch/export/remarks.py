"""What exported files say of where their directions come from, a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scansearch.genotype import Genotype


def origin(genotype: Genotype) -> list[str]:
    """Where the directions come from, and what was searched, as far as the genotype tells.

    A genotype that does not say that it was searched is not said to be.
    """
    search = genotype.search
    lines = [_found(search)]
    if genotype.model:
        options = "".join(f", {name}={value}" for name, value in (genotype.options or {}).items())
        lines.append(f"Model: {genotype.model}{options}.")
    if genotype.shape:
        shape = genotype.shape
        lines.append(f"Images: {shape.height} x {shape.width}, {shape.channels} channels, {shape.classes} classes.")
    return lines


def _found(search: dict[str, Any]) -> str:
    data = search.get("data")
    on = f" on {data['name']}" if isinstance(data, dict) and data.get("name") else ""
    source = f", as published in {search['source']}" if search.get("source") else ""
    if search.get("strategy") and search.get("searched", True):
        return f"Directions: found by the strategy {search['strategy']}{on}{source}."
    return f"Directions: not searched{source}." if search.get("searched") is False else f"Directions: given{source}."
