"""The suite accepts every built-in family, and catches each way of breaking one."""

from dataclasses import replace

import pytest
import torch

from scansearch.registry import SCAN_ORDERS
from scansearch.scans import ScanFamily, Symmetry
from scansearch.testing import check_family


@pytest.mark.parametrize("name", SCAN_ORDERS.names())
def test_built_in_families_conform(name):
    check_family(SCAN_ORDERS.get(name), largest=10)


def rows(height, width):
    return torch.arange(height * width)


ROWS = ScanFamily("rows", "rows", rows, "row by row", ("rows", "rows_flip"))


def test_a_family_of_ones_own_conforms_and_is_not_left_behind():
    check_family(ROWS)
    assert "rows" not in SCAN_ORDERS


def test_a_family_under_a_name_that_is_taken():
    with pytest.raises(AssertionError, match="'raster' is registered already"):
        check_family(replace(ROWS, name="raster"))


def drawing(height, width):
    torch.rand(1)
    return rows(height, width)


counter = iter(range(10**9))


def alternating(height, width):
    return rows(height, width).flip(0) if next(counter) % 2 else rows(height, width)


BROKEN = {
    "description": (replace(ROWS, description="two\nlines"), "the description must be one line"),
    "no example": (replace(ROWS, examples=()), "there must be an example"),
    "foreign example": (replace(ROWS, examples=("h",)), "example 'h' is of family 'raster'"),
    "unknown example": (replace(ROWS, examples=("lines",)), "example 'lines': unknown scan order 'lines'"),
    "hint": (replace(ROWS, hint=("(", "")), "'(' is no regular expression"),
    "square only": (
        replace(ROWS, visit=lambda h, w: rows(h, h)),
        "'rows' on 1 x 2: scan order 'rows' must visit each of the 1 x 2 tokens once",
    ),
    "not int64": (replace(ROWS, visit=lambda h, w: rows(h, w).int()), "'rows' on 1 x 1: scan order 'rows' must visit"),
    "alternating": (replace(ROWS, visit=alternating), "differs from call to call"),
    "random numbers": (replace(ROWS, visit=drawing), "disturbs torch's global random numbers; use a Generator"),
    "padded": (
        replace(ROWS, visit_padded=lambda h, w: torch.zeros(h * w, dtype=torch.int64)),
        "'rows' on 1 x 2: the padded form must hold each token once",
    ),
    "remark": (replace(ROWS, remark=lambda h, w: ""), "the remark must be one line or None, but it is ''"),
    "simplify": (
        replace(ROWS, simplify=lambda base, symmetry: (base, Symmetry(), False)),
        "'rows_ud' simplifies to 'rows', but on 2 x 1 they are different orders",
    ),
}


@pytest.mark.parametrize(("family", "problem"), BROKEN.values(), ids=BROKEN)
def test_broken_families_are_caught(family, problem):
    with pytest.raises(AssertionError) as caught:
        check_family(family, largest=5)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "rows" not in SCAN_ORDERS
