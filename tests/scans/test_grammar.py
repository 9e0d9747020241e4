"""Names: taken apart and put together, simplified only where that holds on every grid."""

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scansearch.errors import ScansearchError
from scansearch.registry import SCAN_ORDERS
from scansearch.scans import ScanFamily, ScanOrder, Symmetry, distinct, variants
from scansearch.scans.grammar import parse

BASES = (
    *("h", "v", "w1", "w2", "w3_col", "w2x3", "w3x2_snake", "w2x4_snake_col", "snake", "diagonal", "diagonal_zigzag"),
    *(
        "diagonal_wrap",
        "antidiagonal",
        "antidiagonal_zigzag",
        "antidiagonal_wrap",
        "hilbert",
        "morton",
        "peano",
        "spiral",
    ),
    *("atrous2", "atrous3", "random:7"),
)
SUFFIXES = ("_t", "_lr", "_ud", "_flip")
GRIDS = list(product((1, 2, 3, 4, 7), repeat=2))

bases = st.sampled_from(BASES)
suffixes = st.lists(st.sampled_from(SUFFIXES), max_size=8).map("".join)
sides = st.integers(1, 9)


def grid_of(name, height, width):
    """When each token is visited, as a picture (H, W)."""
    return ScanOrder(name).inverse(height, width).view(height, width)


@given(bases, suffixes)
def test_printing_what_was_parsed_is_the_normal_form(base, suffix):
    normal = str(parse(base + suffix))
    assert str(parse(normal)) == normal
    assert parse(normal) == parse(base + suffix)
    assert all(normal.count(s) <= base.count(s) + 1 for s in SUFFIXES)


@given(bases, suffixes, sides, sides)
def test_suffixes_do_to_the_picture_what_they_say_one_after_the_other(base, suffix, height, width):
    transposed = suffix.count("_t") % 2
    picture = grid_of(base, *((width, height) if transposed else (height, width)))
    for step in suffix.replace("_", " _").split():
        if step == "_t":
            picture = picture.T
        elif step == "_flip":
            picture = picture.numel() - 1 - picture
        else:
            picture = picture.flip(1 if step == "_lr" else 0)
    assert torch.equal(grid_of(base + suffix, height, width), picture)


@given(st.lists(st.builds(Symmetry, st.booleans(), st.booleans(), st.booleans()), min_size=3, max_size=3))
def test_symmetries_are_a_group(three):
    a, b, c = three
    assert a.then(b).then(c) == a.then(b.then(c))
    assert a.then(Symmetry()) == Symmetry().then(a) == a
    assert any(a.then(other) == Symmetry() for other in (Symmetry(*f) for f in product((False, True), repeat=3)))


@pytest.mark.parametrize("base", BASES)
def test_names_of_one_canonical_form_are_one_order_on_every_grid(base):
    for suffix in ("".join(s) for s in product(("", "_t"), ("", "_lr"), ("", "_ud"), ("", "_flip"))):
        canonical = ScanOrder(base + suffix).canonical
        assert ScanOrder(canonical).canonical == canonical
        for grid in GRIDS:
            assert torch.equal(ScanOrder(canonical).indices(*grid), ScanOrder(base + suffix).indices(*grid)), (
                suffix,
                grid,
            )


@pytest.mark.parametrize("base", [base for base in BASES if base != "w1"])
def test_different_canonical_forms_of_a_base_differ_on_some_grid(base):
    names = variants(base)
    apart = {(a, b) for grid in GRIDS for a, b in distinct(names, *grid).items() if a != b}
    always = [(a, b) for a, b in apart if all(distinct([b, a], *grid)[a] == b for grid in GRIDS)]
    assert not always


def test_how_many_variants_there_are():
    assert variants("h") == ["h", "h_flip", "h_lr_flip", "h_lr", "v", "v_flip", "v_lr_flip", "v_lr"]
    assert {base: len(variants(base)) for base in ("v", "w2", "snake", "diagonal", "hilbert", "spiral")} == {
        "v": 8, "w2": 16, "snake": 16, "diagonal": 8, "hilbert": 16, "spiral": 16,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip"])
def test_localmambas_names_are_canonical(name):
    assert ScanOrder(name).canonical == name


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("h_t", "v"), ("v_t", "h"), ("h_lr_ud", "h_flip"), ("h_flip_flip", "h"), ("w7_t", "w7_col"), ("w7_col_t", "w7"),
        ("w2x3_t", "w3x2_col"), ("w2x3_snake_t_flip", "w3x2_snake_col_flip"), ("w3x3", "w3"), ("w1", "h"), ("w1_col", "v"),
        ("w1_lr_ud", "h_flip"), ("diagonal_lr", "antidiagonal"), ("snake_flip_t_t", "snake_flip"),
    ],
)  # fmt: skip
def test_canonical_names(name, canonical):
    assert ScanOrder(name).canonical == canonical


def test_the_padded_form_has_symmetries_too():
    for suffix in ("_t", "_lr", "_ud", "_t_lr_flip"):
        order = ScanOrder(f"w2{suffix}").indices(3, 5, padded=True)
        assert torch.equal(order[order >= 0], ScanOrder(f"w2{suffix}").indices(3, 5))
        assert len(order) == 24


def test_the_longest_base_wins():
    family = ScanFamily("odd", r"h_t|h", lambda h, w: torch.arange(h * w).flip(0), "only here", ("h_t",))
    SCAN_ORDERS.register("odd", family)
    try:
        assert parse("h_t_flip").base == "h_t"
        with pytest.raises(ScansearchError, match=r"scan order 'h' is claimed by several families \(odd, raster\)"):
            ScanOrder("h")
    finally:
        SCAN_ORDERS.unregister("odd")


WINDOW = "a window is wK or wKxM, K rows by M columns and each at least 1"
WRONG = {
    **{
        name: f"{name!r} is no scan order: {WINDOW}"
        for name in ("w", "w0", "w0_col", "w-1", "w07", "w7x", "w7x0", "W7")
    },
    "wx7": f"'wx7' is no scan order: {WINDOW}",
    "h_rot": "'h_rot' is no scan order: there is no symmetry '_rot'; there is: _t (transposed), _lr (mirrored left to right)",
    "hilbrt": "unknown scan order 'hilbrt' (did you mean 'hilbert'?); there is, for example: ",
    "": "unknown scan order ''; there is, for example: ",
    "_flip": "unknown scan order '_flip'; there is",
    " h": "unknown scan order ' h' (did you mean 'h'?)",
    "h\n": "unknown scan order 'h\\n' (did you mean 'h'?)",
    "w" + "9" * 5000: "a scan order is named by text of at most 200 characters, but got 'w9999",
}


@pytest.mark.parametrize(("name", "message"), WRONG.items(), ids=[repr(name)[:12] for name in WRONG])
def test_a_name_that_is_none_says_what_would_be_right(name, message):
    with pytest.raises(ScansearchError) as caught:
        ScanOrder(name)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", [None, 7, b"h", ["h"]])
def test_a_name_is_text(name):
    with pytest.raises(ScansearchError, match="a scan order is named by text"):
        ScanOrder(name)


def test_windows_beyond_the_grid_are_remarked_on():
    assert ScanOrder("w7").remark(7, 7) == "a window of 7 x 7 holds the whole 7 x 7 grid, so that this is h"
    assert ScanOrder("w7x2_t").remark(2, 5) == "a window of 7 x 2 holds the whole 5 x 2 grid, so that this is h"
    assert ScanOrder("w7").remark(8, 4) is None
    assert ScanOrder("hilbert").remark(1, 1) is None
    assert torch.equal(ScanOrder("w9_snake_col").indices(4, 5), ScanOrder("snake_t").indices(4, 5))


@pytest.mark.parametrize("name", ["[hv]", "a+b", "a/b", "a b", "\x1b[31m", "$x$", "caf\u00e9", "\u202eh"])
def test_no_family_brings_a_name_that_would_be_markup_or_a_path(name):
    SCAN_ORDERS.register("anything", ScanFamily("anything", r"(?s:.*)", None, "every name there is", ("x",)))
    try:
        assert ScanOrder("xyz").base == "xyz"
        with pytest.raises(ScansearchError, match="unknown scan order") as caught:
            ScanOrder(name)
        assert str(caught.value).isprintable()
    finally:
        SCAN_ORDERS.unregister("anything")


@pytest.mark.parametrize("name", ["random", "random:4294967296", "random:-1", "random:007", "random:" + "9" * 150])
def test_a_seed_that_is_none_says_what_is(name):
    with pytest.raises(
        ScansearchError, match="is random:SEED, with a whole number from 0 to 4294967295 without leading"
    ):
        ScanOrder(name)
