"""Imports that wait for their first use: who only lists what there is does not wait a second and a half for torch.

Files that a listing imports (scan orders, spaces, strategies, data sets, what a model is) say ``from scansearch.lazy import
torch`` instead of ``import torch``. They use none of it while they are imported: no base class, no decorator, no default of an
argument; annotations are not evaluated. Everything else, plug-ins of others too, imports torch as usual; it is the same torch.

``importlib.util.LazyLoader`` would not do: its module loads with the next ``import torch`` of any other file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any


class _Lazy:
    """Stands for a module without being in ``sys.modules``; whatever it is asked for comes from the real one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: ModuleType | None = None

    def __getattr__(self, name: str) -> Any:
        if self._module is None:
            self._module = import_module(self._name)
        return getattr(self._module, name)  # not remembered here: who patches torch patches this


if TYPE_CHECKING:
    import torch
else:
    torch = _Lazy("torch")


def first_used(package: str, files: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package whose names are imported on first use (PEP 562).

    Args:
        package: Name of the package.
        files: Names by the module that has them.
    """
    homes = {name: file for file, names in files.items() for name in names}

    def getattribute(name: str) -> Any:
        if name in homes:
            return getattr(import_module(homes[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return getattribute
