"""``scansearch scans``: measures in columns, pictures in files, JSON for all of it, one line for bad input."""

from __future__ import annotations

import json

import pytest

from scansearch.registry import SCAN_ORDERS
from scansearch.scans.locality import measure, redundant, similarity


@pytest.fixture(autouse=True)
def coarse(here, monkeypatch):
    """Coarse pictures, and an empty folder."""
    monkeypatch.setattr("scansearch.figures.style.DPI", 40)


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def data(call, *arguments):
    result = call("scans", *arguments, "--json")
    assert result.status == 0, result.err
    return json.loads(result.out)


def test_the_list_has_every_example(call, here):
    shown = call("scans").out.split()
    assert {example for name in SCAN_ORDERS.names() for example in SCAN_ORDERS.get(name).examples} <= set(shown)
    assert all("measures" not in family for family in data(call))
    assert not files(here)


def test_the_list_on_a_grid_has_every_example_with_its_measures(call, here):
    result = call("scans", "--grid", "14x14")
    assert result.status == 0, result.err
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= 100
    head = lines[0]
    assert head.startswith("on 14 x 14")
    assert [word in head for word in ("unit steps", "mean step", "neighbours: mean", "largest", "distortion")] == [
        True
    ] * 5
    rows = {line.split()[0]: line for line in lines if line.startswith("  ")}
    assert {e for name in SCAN_ORDERS.names() for e in SCAN_ORDERS.get(name).examples} == set(rows)
    assert rows["h"].split() == ["h", "93.3", "%", "1.87", "7.50", "14", "7.07"]
    assert {len(row) for row in rows.values()} == {len(head)}
    assert not files(here)


def test_the_list_on_a_grid_as_json(call):
    listed = data(call, "--grid", "3x4")
    assert [family["name"] for family in listed] == SCAN_ORDERS.names()
    for family in listed:
        assert list(family["measures"]) == family["examples"]
        assert family["grid"] == [3, 4]
    (raster,) = (family for family in listed if family["name"] == "raster")
    assert raster["measures"]["h"] == vars(measure("h", 3, 4))


def test_one_order_is_printed_measured_and_drawn(call, here):
    result = call("scans", "v", "--grid", "2x3")
    assert result.status == 0, result.err
    assert "0  2  4\n1  3  5" in result.out
    assert "60.0 %" in result.out
    assert files(here) == ["scan-v-2x3.png", "scan-v-2x3.svg"]
    assert result.out.splitlines()[-2:] == files(here)


def test_one_order_into_a_folder(call, here):
    assert call("scans", "w2_flip", "--grid", "4x4", "--out", "pictures/new").status == 0
    assert files(here) == [f"pictures/new/scan-w2_flip-4x4.{kind}" for kind in ("png", "svg")]


def test_one_order_as_json(call, here):
    assert data(call, "v", "--grid", "2x3") == {
        "name": "v", "grid": [2, 3], "indices": [0, 3, 1, 4, 2, 5], "measures": vars(measure("v", 2, 3)),
    }  # fmt: skip
    assert not files(here)


def test_what_an_order_also_is_and_where_it_is_pointless(call):
    assert "h_t, which is v on 2 x 3" in call("scans", "h_t", "--grid", "2x3").out
    assert "note: a window of 7 x 7 holds the whole 2 x 3 grid" in call("scans", "w7", "--grid", "2x3").out


def test_a_table_wider_than_a_terminal_is_left_out(call):
    out = call("scans", "h", "--grid", "1x60").out
    assert "too wide" in out
    assert max(map(len, out.splitlines())) <= 100


def test_several_orders_are_compared(call, here):
    result = call("scans", "h", "w4", "h_flip", "v", "--grid", "4x4")
    assert result.status == 0, result.err
    assert "w4 is the same as h\nh_flip is the reverse of h\nh_flip is the reverse of w4\n" in result.out
    assert files(here) == ["scan-similarity-4x4.png", "scan-similarity-4x4.svg"]
    head, *rows = result.out.splitlines()[:5]
    assert {len(row) for row in rows} == {len(head)}


def test_several_orders_as_json(call, here):
    names = ["h", "w2", "h_flip"]
    found = data(call, *names, "--grid", "4x6")
    tau, adjacency = similarity(names, 4, 6)
    assert found["names"] == names
    assert found["kendall_tau"] == tau.tolist()
    assert found["shared_adjacency"] == adjacency.tolist()
    assert found["redundant"] == [list(pair) for pair in redundant(names, 4, 6)]
    assert found["measures"]["w2"] == vars(measure("w2", 4, 6))
    assert not files(here)


def test_figures_of_the_catalogue(call, here):
    told = call("scans", "--figure", "gallery", "--grid", "3x3")
    assert told.status == 0, told.err
    assert files(here) == ["scan-gallery-3x3.png", "scan-gallery-3x3.svg"]
    assert told.out.splitlines()[-2:] == files(here)
    assert call("scans", "--figure", "similarity", "--grid", "4x4", "--by", "adjacency", "--out", "s").status == 0
    assert files(here / "s") == ["scan-similarity-adjacency-4x4.png", "scan-similarity-adjacency-4x4.svg"]
    assert "h" in data(call, "--figure", "similarity", "--grid", "4x4")["names"]


def test_a_figure_of_the_named_orders(call, here):
    assert call("scans", "h", "v", "--figure", "gallery", "--grid", "3x3").status == 0
    assert files(here) == ["scan-gallery-3x3.png", "scan-gallery-3x3.svg"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("nope", "unknown scan order 'nope'"),
        ("h nope", "unknown scan order 'nope'"),
        ("--grid 0x4", "a grid is ROWSxCOLUMNS, each 1 to 1024, for example 14x14, but got '0x4'"),
        ("h --grid 14", "but got '14'"),
        ("h --grid 1024x1024", "at most 65536 tokens, but 1024 x 1024 has 1048576"),
        ("h v --grid 1024x1024", "at most 65536 tokens"),
        (
            "h --grid 1000000x1000000",
            "a grid is ROWSxCOLUMNS, each 1 to 1024, for example 14x14, but got '1000000x1000000'",
        ),
        ("--grid 256x256", "scan orders are measured on at most 2"),
        ("--figure gallery --grid 256x256", "tokens, but 256 x 256 has 65536; use a smaller grid, or name fewer"),
        ("--figure similarity --grid 256x256", "use a smaller grid, or name fewer"),
        (
            " ".join(f"random:{i}" for i in range(201)),
            "a similarity is that of at most 128 scan orders, but got 201; name fewer",
        ),
        ("random:99999999999", "a random order is random:SEED, with a whole number from 0 to 4294967295"),
        ("[hv]", "unknown scan order '[hv]'"),
        ("--figure nope", "unknown figure of scan orders 'nope'; there is: gallery, path, similarity\n"),
        ("h --figure heatmap", "cannot draw heatmap: it is of one run or genotype, not of scan orders"),
        ("h v --figure path", "cannot draw path: a path is that of one scan order, but got 2; draw them one by one"),
        ("h --figure similarity", "at least two different scan orders, but got 1"),
        ("h v --figure gallery --by tau", "--by tau says how orders are compared"),
        ("h v --by nope", "unknown measure of similarity 'nope'; there is: tau, adjacency"),
        ("h --by tau", "--by tau says how orders are compared"),
        ("--out folder", "no picture is drawn here for --out folder"),
        ("h --json --out folder", "no picture is drawn here for --out folder"),
    ],
)
def test_bad_input(refused, call, here, arguments, says):
    assert says in refused("scans", *arguments.split())
    assert not call("scans", *arguments.split()).out
    assert not files(here)
