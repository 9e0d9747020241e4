"""The conformance suite for families of scan orders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import torch

from scansearch.registry import SCAN_ORDERS
from scansearch.scans import ScanFamily, ScanOrder
from scansearch.scans.grammar import FLIP, parse
from scansearch.scans.symmetry import Symmetry
from scansearch.testing.requirement import one_line, require, required

SMALL = 8
SYMMETRIES = [Symmetry(*flags) for flags in product((False, True), repeat=3)]


def check_family(family: ScanFamily, *, largest: int = 16) -> None:
    """Checks that a family of scan orders is one that searches can rely on.

    Its examples are names of the family and of no other. Of every example, on every grid up to ``largest`` x ``largest``:
    it visits each token once (padded, too), has an inverse, is the same whenever it is asked for, and leaves the global
    random numbers alone. On grids up to 8 x 8 its simplest name means the same order. Texts are one line each.

    Args:
        family: The family; it need not be registered.
        largest: Longest side of the grids.

    Raises:
        AssertionError: If something does not hold; the message says what, for which order and on which grid.
    """
    with _registered(family):
        _check_texts(family)
        for name in family.examples:
            with required(f"example {name!r}"):
                order = ScanOrder(name)
            require(order.family.name == family.name, f"example {name!r} is of family {order.family.name!r}")
            require(
                str(parse(str(parse(name)))) == str(parse(name)), f"example {name!r} changes when printed and parsed"
            )
            for grid in product(range(1, largest + 1), repeat=2):
                _check_grid(order, *grid)
        for base in dict.fromkeys(ScanOrder(name).base for name in family.examples):
            _check_names(base)


@contextmanager
def _registered(family: ScanFamily) -> Iterator[None]:
    """Names are looked up in the registry: a family that is not there yet is, for as long as this lasts."""
    if family.name in SCAN_ORDERS and SCAN_ORDERS.get(family.name) is family:
        yield
        return
    with required(f"family {family.name!r}"):
        SCAN_ORDERS.register(family.name, family)
    try:
        yield
    finally:
        SCAN_ORDERS.unregister(family.name)


def _check_texts(family: ScanFamily) -> None:
    require(one_line(family.description), f"the description must be one line, but it is {family.description!r}")
    require(bool(family.examples), "there must be an example: listings show it, and this suite checks it")
    for pattern in (family.pattern, *(family.hint or ())[:1]):
        try:
            re.compile(pattern)
        except re.error as error:
            raise AssertionError(f"{pattern!r} is no regular expression: {error}") from error


def _check_grid(order: ScanOrder, height: int, width: int) -> None:
    where, tokens = f"{order.name!r} on {height} x {width}", torch.arange(height * width)
    before = torch.get_rng_state()
    with required(where):
        visited, inverse = order.indices(height, width), order.inverse(height, width)
        padded = order.indices(height, width, padded=True)
    require(torch.equal(visited[inverse], tokens) and torch.equal(inverse[visited], tokens), f"{where}: no inverse")
    require(
        torch.equal(padded[padded >= 0].sort().values, tokens) and int(padded.min()) >= -1,
        f"{where}: the padded form must hold each token once, and otherwise only -1",
    )
    require(
        torch.equal(_visit(order, height, width), _visit(order, height, width)), f"{where}: differs from call to call"
    )
    require(
        torch.equal(torch.get_rng_state(), before), f"{where}: disturbs torch's global random numbers; use a Generator"
    )
    remark = order.remark(height, width)
    require(remark is None or one_line(remark), f"{where}: the remark must be one line or None, but it is {remark!r}")


def _visit(order: ScanOrder, height: int, width: int) -> torch.Tensor:
    """The family's own answer, not the cached one."""
    return order.family.visit(*order.symmetry.grid(height, width), *parse(order.base).groups)


def _check_names(base: str) -> None:
    names = [f"{base}{symmetry.suffix}{flip}" for symmetry in SYMMETRIES for flip in ("", FLIP)]
    for name in names:
        with required(f"the simplest name of {name!r}"):
            simple = ScanOrder(name).canonical
        require(ScanOrder(simple).canonical == simple, f"{name!r} simplifies to {simple!r}, which simplifies further")
        for grid in product(range(1, SMALL + 1), repeat=2):
            same = torch.equal(ScanOrder(simple).indices(*grid), ScanOrder(name).indices(*grid))
            require(same, f"{name!r} simplifies to {simple!r}, but on {grid[0]} x {grid[1]} they are different orders")
