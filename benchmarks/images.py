"""Real images for benchmarks of whole searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scansearch.data import Parts
from scansearch.errors import ScansearchError
from scansearch.registry import DATASETS


@contextmanager
def images(name: str, root: Path | None, cut: Callable[[Parts], Parts]) -> Iterator[str]:
    """Registers what ``cut`` leaves of fashion-mnist as data set ``name``, or of digits where there is none; says which."""
    spec = DATASETS.get("fashion-mnist")
    try:
        parts = spec.read(root)
    except ScansearchError:
        if root is not None:
            raise
        spec = DATASETS.get("digits")
        parts = spec.read(None)
    DATASETS.register(name, replace(spec, name=name, read=lambda _: cut(parts)), override=True)
    try:
        yield "fashion-mnist" if spec.name == "fashion-mnist" else "digits, for there is no fashion-mnist here"
    finally:
        DATASETS.unregister(name)
