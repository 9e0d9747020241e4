"""The grammar of scan-order names: a base, then symmetries, then ``_flip``.

    NAME = BASE SUFFIX*        SUFFIX = "_t" | "_lr" | "_ud" | "_flip"

``_t`` transposes the grid, ``_lr`` and ``_ud`` mirror it, ``_flip`` walks the order backwards. Suffixes apply from left to
right, in any number; the normal form has each at most once, in the order above. The longest base that a family knows
counts: ``w7_col`` is a base. A name has at most 200 characters: letters a-z, digits, ``_``, ``.``, ``:`` and ``-``.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache
from reprlib import repr as short

from scansearch.errors import ScansearchError
from scansearch.registry import SCAN_ORDERS
from scansearch.scans.family import ScanFamily
from scansearch.scans.symmetry import IDENTITY, SUFFIXES, Symmetry

FLIP = "_flip"
MAX_NAME = 200
CHARACTERS = re.compile(r"[A-Za-z0-9_.:-]*")  # no markup, no +, by which choices are joined, and no / of a path


@dataclass(frozen=True)
class Parsed:
    """A name, taken apart.

    Args:
        base: Name of the base order.
        symmetry: What it is carried over by.
        flipped: Whether the result is walked backwards.
        family: The family that defines the base.
        groups: What the family's pattern found in the base.
    """

    base: str
    symmetry: Symmetry
    flipped: bool
    family: ScanFamily
    groups: tuple[str | None, ...]

    def __str__(self) -> str:
        return f"{self.base}{self.symmetry.suffix}{FLIP if self.flipped else ''}"

    def simplified(self) -> Parsed:
        """The same order on every grid, by the simplest name that its family knows."""
        if self.family.simplify is None:
            return self
        base, symmetry, backwards = self.family.simplify(self.base, self.symmetry)
        if (base, symmetry, backwards) == (self.base, self.symmetry, False):
            return self
        family, groups = _family_of(base)
        return Parsed(base, symmetry, self.flipped ^ backwards, family, groups).simplified()


def parse(name: str) -> Parsed:
    """Takes a name apart.

    Raises:
        ScansearchError: If it is not a name, no family answers to its base, or several do.
    """
    if not isinstance(name, str) or len(name) > MAX_NAME:
        raise ScansearchError(f"a scan order is named by text of at most {MAX_NAME} characters, but got {short(name)}")
    return _parse(name, SCAN_ORDERS.changes)


# Caches are asked with the number of changes of the registry: a family that was replaced must not live on in them.


@lru_cache(maxsize=1 << 14)
def _parse(name: str, changes: int) -> Parsed:
    base, suffixes = name, []
    while not _matches(base):
        suffix = next((s for s in (*SUFFIXES, FLIP) if base.endswith(s)), None)
        if suffix is None:
            raise _unknown(name, base)
        base = base.removesuffix(suffix)
        suffixes.append(suffix)
    symmetry, flipped = IDENTITY, False
    for suffix in reversed(suffixes):
        flipped ^= suffix == FLIP
        symmetry = symmetry.then(Symmetry.from_suffix(suffix))
    family, groups = _family_of(base)
    return Parsed(base, symmetry, flipped, family, groups)


def _matches(base: str) -> list[tuple[ScanFamily, tuple[str | None, ...]]]:
    if not CHARACTERS.fullmatch(base):
        return []
    families, _ = _families(SCAN_ORDERS.changes)
    return [(family, groups) for family in families if (groups := family.match(base)) is not None]


def _family_of(base: str) -> tuple[ScanFamily, tuple[str | None, ...]]:
    matches = _matches(base)
    if len(matches) > 1:
        names = ", ".join(family.name for family, _ in matches)
        raise ScansearchError(f"scan order {base!r} is claimed by several families ({names}); uninstall all but one")
    return matches[0]


@lru_cache(maxsize=1)
def _families(changes: int) -> tuple[list[ScanFamily], list[str]]:
    """The families that load, and why the others do not: one broken plug-in must not take every order with it."""
    families, broken = [], []
    for name in SCAN_ORDERS.names():
        try:
            families.append(SCAN_ORDERS.get(name))
        except ScansearchError as error:
            broken.append(str(error))
    return families, broken


def _unknown(name: str, base: str) -> ScansearchError:
    families, broken = _families(SCAN_ORDERS.changes)
    for family in families:
        if family.hint is not None and re.fullmatch(family.hint[0], base):
            return ScansearchError(f"{short(name)} is no scan order: {family.hint[1]}")
    stem, underscore, suffix = base.rpartition("_")
    if underscore and _matches(stem):
        return ScansearchError(
            f"{short(name)} is no scan order: there is no symmetry {short('_' + suffix)}; there is: _t (transposed), _lr "
            f"(mirrored left to right), _ud (top to bottom), {FLIP} (backwards)"
        )
    examples = [example for family in families for example in family.examples]
    near = difflib.get_close_matches(base, examples, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    known = ", ".join(family.examples[0] for family in families)
    return ScansearchError(
        "; ".join(
            [
                f"unknown scan order {short(name)}{hint}; there is, for example: {known}; each also with "
                f"{', '.join(SUFFIXES)}, {FLIP}; `scansearch scans` lists them all",
                *broken,
            ]
        )
    )
