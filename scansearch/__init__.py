"""scansearch: neural architecture search for the scan orders of vision state-space models.

Everything here is imported on first use, so that ``import scansearch`` is quick.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scansearch.api import build, estimate, load_genotype, resume, search, train
    from scansearch.assessing import compare, confirm, evaluate
    from scansearch.errors import ScansearchError
    from scansearch.genotype import Genotype, published
    from scansearch.models import SearchableScan, make_searchable
    from scansearch.space import SearchSpace

# Python started in a checkout's root finds this folder first, whatever is installed, and the plug-ins lie beside it.
_BESIDE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if os.path.isfile(os.path.join(_BESIDE, "search_spaces", "default8.py")):
    __path__.append(_BESIDE)

_HOMES = {
    "search": "scansearch.api",
    "estimate": "scansearch.api",
    "resume": "scansearch.api",
    "train": "scansearch.api",
    "evaluate": "scansearch.assessing",
    "confirm": "scansearch.assessing",
    "compare": "scansearch.assessing",
    "build": "scansearch.api",
    "load_genotype": "scansearch.api",
    "published": "scansearch.genotype",
    "SearchableScan": "scansearch.models",
    "make_searchable": "scansearch.models",
    "Genotype": "scansearch.genotype",
    "SearchSpace": "scansearch.space",
    "ScansearchError": "scansearch.errors",
}
_MODULES = ("data", "models", "ops", "scans", "space")

__all__ = [
    "Genotype",
    "ScansearchError",
    "SearchSpace",
    "SearchableScan",
    "build",
    "compare",
    "confirm",
    "estimate",
    "evaluate",
    "load_genotype",
    "make_searchable",
    "published",
    "resume",
    "search",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(f"scansearch.{name}")
    raise AttributeError(f"module 'scansearch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
