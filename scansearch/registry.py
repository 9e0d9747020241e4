"""One registry class for every kind of plug-in.

Built-in and third-party plug-ins are found the same way: through the entry points of installed packages. Nothing is
imported before it is asked for.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from scansearch.errors import ScansearchError
from scansearch.text import FILE_NAME_RULE, cut, is_file_name

T = TypeVar("T")
LONGEST_GUESS = 200  # characters: what is longer is no misspelt name


def natural_key(name: str) -> list[Any]:
    """Sort key under which ``w2`` comes before ``w10``."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def unknown_name(kind: str, name: str, known: list[str]) -> ScansearchError:
    """The error for a name that nothing answers to: it suggests the nearest and lists what there is."""
    near = difflib.get_close_matches(name[:LONGEST_GUESS], known, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    shown = repr(cut(name, LONGEST_GUESS))
    return ScansearchError(f"unknown {kind} {shown}{hint}; there is: {', '.join(known) or 'none'}")


class Registry(Generic[T]):
    """Names of one kind of plug-in, and the objects behind them.

    Args:
        kind: What an entry is called in messages, for example ``"strategy"``.
        group: The entry-point group that packages use, for example ``"scansearch.strategies"``.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._registered: dict[str, T] = {}
        self._loaded: dict[str, T] = {}
        self.changes = 0  # grows with every register and unregister, for caches of what was found here

    def register(self, name: str, obj: T, *, override: bool = False) -> T:
        """Adds ``obj`` under ``name`` for this process.

        Raises:
            ScansearchError: If the name is taken and ``override`` is not set, or it could not be that of a file.
        """
        self._check(name, "register it under another name")
        if name in self and not override:
            raise ScansearchError(
                f"{self.kind} {name!r} is registered already; pass override=True to replace it "
                f"(there is: {', '.join(self.names())})"
            )
        self._registered[name] = obj
        self.changes += 1
        return obj

    def unregister(self, name: str) -> None:
        """Takes back a ``register`` of this process."""
        self._registered.pop(name, None)
        self.changes += 1

    def names(self) -> list[str]:
        """Every name there is, in natural order."""
        return sorted({*self._registered, *self._entry_points()}, key=natural_key)

    def get(self, name: str) -> T:
        """The object behind ``name``, imported on first use.

        Raises:
            ScansearchError: If the name is no text, nothing answers to it, two packages claim it, it could not be that of a
                file, or its import fails.
        """
        if not isinstance(name, str):
            raise ScansearchError(
                f"a {self.kind} is named by text, but got {name!r:.200}; there is: {', '.join(self.names())}"
            )
        if name in self._registered:
            return self._registered[name]
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> T:
        found = self._entry_points().get(name)
        if not found:
            raise unknown_name(self.kind, name, self.names())
        self._check(name, f"rename it in the package of {found[0].value}")
        if len(found) > 1:
            owners = ", ".join(sorted(f"{p.value} of {p.dist.name if p.dist else '?'}" for p in found))
            raise ScansearchError(
                f"{self.kind} {name!r} is claimed by several packages ({owners}); uninstall all but one"
            )
        try:
            return found[0].load()
        except Exception as error:  # a plug-in is somebody else's code: anything can happen in its import
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ScansearchError(
                f"{self.kind} {name!r} ({found[0].value}) cannot be imported: {reason}; mend or uninstall its package"
            ) from error

    def _check(self, name: str, do: str) -> None:
        """Names stand in run folders and pictures."""
        if not is_file_name(name):
            raise ScansearchError(f"a {self.kind} is registered under {FILE_NAME_RULE}; but got {name!r}; {do}")

    def _entry_points(self) -> dict[str, list[EntryPoint]]:
        # An editable install can list one entry point twice: the value, not the listing, is what counts.
        found: dict[str, dict[str, EntryPoint]] = {}
        for point in entry_points(group=self.group):
            found.setdefault(point.name, {})[point.value] = point
        return {name: list(points.values()) for name, points in found.items()}

    def __contains__(self, name: object) -> bool:
        return name in self._registered or name in self._entry_points()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())


SCAN_ORDERS: Registry[Any] = Registry("scan order family", "scansearch.scan_orders")
BACKENDS: Registry[Any] = Registry("backend", "scansearch.backends")
SEARCH_SPACES: Registry[Any] = Registry("search space", "scansearch.search_spaces")
STRATEGIES: Registry[Any] = Registry("strategy", "scansearch.strategies")
MODELS: Registry[Any] = Registry("model", "scansearch.models")
DATASETS: Registry[Any] = Registry("dataset", "scansearch.datasets")
EXPORTERS: Registry[Any] = Registry("exporter", "scansearch.exporters")
FIGURES: Registry[Any] = Registry("figure", "scansearch.figures")
