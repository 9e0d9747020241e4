import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scansearch.errors import ScansearchError
from scansearch.registry import SCAN_ORDERS
from scansearch.scans import ScanFamily, ScanOrder, distinct, invert
from scansearch.scans.family import MAX_TOKENS
from scansearch.scans.order import _laid_out

EIGHT = ("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip")

sides = st.integers(1, 17)
windows = st.builds("w{}{}".format, st.integers(1, 40), st.sampled_from(["", "_col"]))
names = st.builds("{}{}".format, st.sampled_from(["h", "v"]) | windows, st.sampled_from(["", "_flip"]))


@pytest.fixture
def register():
    """Registers families for one test."""
    added = []

    def add(visit, name="testing", **fields):
        family = ScanFamily(name, name, visit, "only here", (name,), **fields)
        added.append(name)
        return SCAN_ORDERS.register(name, family, override=True)

    yield add
    for name in added:
        SCAN_ORDERS.unregister(name)


@given(names, sides, sides)
def test_every_order_is_a_permutation_of_every_grid(name, height, width):
    order = ScanOrder(name).indices(height, width)
    assert order.dtype == torch.int64
    assert sorted(order.tolist()) == list(range(height * width))


@given(names, sides, sides)
def test_inverse_undoes_the_order_on_both_sides(name, height, width):
    order, inverse = ScanOrder(name).indices(height, width), ScanOrder(name).inverse(height, width)
    tokens = torch.arange(height * width)
    assert torch.equal(order[inverse], tokens)
    assert torch.equal(inverse[order], tokens)
    assert torch.equal(invert(inverse, height * width), order)


@given(names, sides, sides)
def test_flip_is_the_order_backwards(name, height, width):
    other = name.removesuffix("_flip") if name.endswith("_flip") else f"{name}_flip"
    assert torch.equal(ScanOrder(other).indices(height, width), ScanOrder(name).indices(height, width).flip(0))


@pytest.mark.parametrize(
    ("name", "grid", "visited"),
    [
        ("h", (2, 3), [0, 1, 2, 3, 4, 5]),
        ("h_flip", (2, 3), [5, 4, 3, 2, 1, 0]),
        ("v", (2, 3), [0, 3, 1, 4, 2, 5]),
        ("v_flip", (2, 3), [5, 2, 4, 1, 3, 0]),
        ("v", (3, 2), [0, 2, 4, 1, 3, 5]),
        ("v", (1, 4), [0, 1, 2, 3]),
        ("w2", (2, 4), [0, 1, 4, 5, 2, 3, 6, 7]),
        ("w2", (3, 5), [0, 1, 5, 6, 2, 3, 7, 8, 4, 9, 10, 11, 12, 13, 14]),
        ("w2_flip", (3, 2), [5, 4, 3, 2, 1, 0]),
        ("w2_col", (2, 4), [0, 4, 1, 5, 2, 6, 3, 7]),
        ("w2_col", (3, 5), [0, 5, 1, 6, 10, 11, 2, 7, 3, 8, 12, 13, 4, 9, 14]),
        ("w2_col_flip", (3, 3), [8, 5, 2, 7, 6, 4, 1, 3, 0]),
        ("w3", (2, 5), [0, 1, 2, 5, 6, 7, 3, 4, 8, 9]),
    ],
)
def test_visiting_order_by_hand(name, grid, visited):
    assert ScanOrder(name).indices(*grid).tolist() == visited


def test_columns_come_back_off_the_square():
    """LocalMamba undoes ``v`` with the pattern of ``v`` itself: right on a square, wrong on 2 x 3."""
    order = ScanOrder("v")
    assert order.inverse(2, 3).tolist() == [0, 2, 4, 1, 3, 5]
    assert not torch.equal(order.inverse(2, 3), order.indices(2, 3))
    assert torch.equal(order.inverse(3, 3), order.indices(3, 3))


@given(sides, sides)
def test_what_windows_have_in_common_with_lines(height, width):
    def visited(name):
        return ScanOrder(name).indices(height, width).tolist()

    assert visited("w1") == visited(f"w{max(height, width)}") == visited("w999999999") == visited("h")
    assert visited("w1_col") == visited(f"w{max(height, width)}_col") == visited("w999999999_col") == visited("v")


@given(st.integers(1, 12), sides, sides, st.sampled_from(["", "_col", "_flip", "_col_flip"]))
def test_padded_windows_are_the_cut_ones_with_zero_tokens_between(window, height, width, suffix):
    order = ScanOrder(f"w{window}{suffix}")
    padded = order.indices(height, width, padded=True)
    assert len(padded) == -(-height // window) * -(-width // window) * window**2
    assert set(padded[padded < 0].tolist()) <= {-1}
    assert torch.equal(padded[padded >= 0], order.indices(height, width))
    assert torch.equal(padded[order.inverse(height, width, padded=True)], torch.arange(height * width))


@pytest.mark.parametrize(("name", "side", "length"), [("w2", 7, 64), ("w7", 8, 196), ("w7", 14, 196), ("w2", 14, 196)])
def test_lengths_of_localmambas_padded_windows(name, side, length):
    padded = ScanOrder(name).indices(side, side, padded=True)
    assert padded.shape == (length,)
    assert (padded < 0).sum() == length - side**2


def test_padded_windows_by_hand():
    order = ScanOrder("w2")
    assert order.indices(1, 3, padded=True).tolist() == [0, 1, -1, -1, 2, -1, -1, -1]
    assert order.inverse(1, 3, padded=True).tolist() == [0, 1, 4]
    assert ScanOrder("w2_flip").indices(1, 3, padded=True).tolist() == [-1, -1, -1, 2, -1, -1, 1, 0]


@pytest.mark.parametrize("name", ["h", "v_flip"])
def test_lines_are_never_padded(name):
    assert torch.equal(ScanOrder(name).indices(3, 5, padded=True), ScanOrder(name).indices(3, 5))


def test_on_14_x_14_all_of_localmambas_directions_differ():
    assert distinct(EIGHT, 14, 14) == {name: name for name in EIGHT}


def test_on_7_x_7_the_window_of_7_is_the_rows():
    assert distinct(EIGHT, 7, 7) == {**{name: name for name in EIGHT}, "w7": "h", "w7_flip": "h_flip"}


def test_on_one_row_only_the_two_ways_are_left():
    merged = distinct(("v", *EIGHT), 1, 9)
    assert set(merged.values()) == {"v", "h_flip"}
    assert merged["h"] == "v"


@given(st.lists(names, unique=True), sides, sides)
def test_distinct_groups_exactly_the_equal_orders(some, height, width):
    visited = {name: tuple(ScanOrder(name).indices(height, width).tolist()) for name in some}
    first = {name: next(other for other in some if visited[other] == visited[name]) for name in some}
    assert distinct(some, height, width) == first


@pytest.mark.parametrize("padded", [False, True])
def test_writing_to_a_result_does_not_reach_the_next_caller(padded):
    order = ScanOrder("w2")
    for result in (order.indices, order.inverse):
        before = result(3, 5, padded=padded).tolist()
        result(3, 5, padded=padded).fill_(-7)
        assert result(3, 5, padded=padded).tolist() == before


def test_an_order_is_computed_once(register):
    calls = []

    def visit(height, width):
        calls.append((height, width))
        return torch.arange(height * width)

    register(visit)
    for _ in range(3):
        ScanOrder("testing").indices(2, 3)
        ScanOrder("testing").inverse(2, 3)
    assert calls == [(2, 3)]


def test_a_replaced_family_does_not_live_on_in_the_cache(register):
    register(lambda height, width: torch.arange(height * width))
    assert ScanOrder("testing").indices(1, 3).tolist() == [0, 1, 2]
    register(lambda height, width: torch.arange(height * width).flip(0))
    assert ScanOrder("testing").indices(1, 3).tolist() == [2, 1, 0]
    assert ScanOrder("testing").inverse(1, 3).tolist() == [2, 1, 0]
    SCAN_ORDERS.unregister("testing")
    with pytest.raises(ScansearchError, match="unknown scan order 'testing'"):
        ScanOrder("testing")


def test_the_cache_does_not_remember_the_callers_modes():
    with torch.inference_mode(), torch.device("meta"):
        ScanOrder("w3").indices(11, 13)
        ScanOrder("w3").inverse(11, 13)
    for result in (ScanOrder("w3").indices(11, 13), ScanOrder("w3").inverse(11, 13)):
        assert result.device.type == "cpu"
        assert not result.is_inference()


@pytest.mark.parametrize(
    ("name", "grid", "padded", "rule"),
    [
        ("h", (0, 3), False, "at least one row and one column, but got 0 x 3"),
        ("w2", (3, -1), True, "at least one row and one column, but got 3 x -1"),
        ("v", (10**7, 10**7), False, f"at most {MAX_TOKENS} tokens, but got 10000000 x 10000000"),
        ("w1000000", (3, 5), True, "w1000000x1000000 pads 3 x 5 to 1000000 x 1000000; use a smaller window"),
    ],
)
def test_grids_that_cannot_be_visited(name, grid, padded, rule):
    with pytest.raises(ScansearchError, match=rule):
        ScanOrder(name).indices(*grid, padded=padded)


@pytest.mark.parametrize(
    "wrong",
    [torch.tensor([0, 1, 1]), torch.tensor([0, 1]), torch.tensor([0, 1, 3]), torch.tensor([0.0, 1.0, 2.0])],
    ids=["twice", "short", "outside", "float"],
)
def test_a_family_that_is_no_permutation_is_named(register, wrong):
    register(lambda height, width: wrong)
    with pytest.raises(ScansearchError, match=r"must visit each of the 1 x 3 tokens once.*its family \(testing\)"):
        ScanOrder("testing").indices(1, 3)


def test_two_families_with_one_name_are_told_apart(register):
    register(lambda height, width: torch.arange(height * width), name="other_h")
    SCAN_ORDERS.register("other_h", ScanFamily("other_h", "h|x", None, "only here", ("x",)), override=True)
    with pytest.raises(ScansearchError, match=r"'h' is claimed by several families \(other_h, raster\)"):
        ScanOrder("h")


def test_a_broken_plug_in_leaves_the_other_orders_usable(monkeypatch):
    healthy = SCAN_ORDERS.get

    def get(name):
        if name == "window":
            raise ScansearchError("family 'window' cannot be imported")
        return healthy(name)

    monkeypatch.setattr(SCAN_ORDERS, "get", get)
    monkeypatch.setattr(SCAN_ORDERS, "changes", SCAN_ORDERS.changes + 1_000_000)
    assert ScanOrder("h").indices(1, 2).tolist() == [0, 1]
    with pytest.raises(ScansearchError, match=r"unknown scan order 'w2'; .*; family 'window' cannot be imported"):
        ScanOrder("w2")


def test_orders_on_large_grids_are_not_remembered():
    before = _laid_out.cache_info().misses
    ScanOrder("h").indices(512, 512)
    ScanOrder("w300").indices(8, 8, padded=True)
    assert _laid_out.cache_info().misses == before
    ScanOrder("h").indices(13, 97)
    assert _laid_out.cache_info().misses == before + 1
