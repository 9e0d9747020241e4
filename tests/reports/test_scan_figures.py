"""Pictures of scan orders: what they show, that nothing is cut off, and the same bytes each time."""

from __future__ import annotations

import re
from itertools import pairwise, permutations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from scansearch.reports.scan_similarity import cluster

from scansearch.errors import RunFolderError, ScansearchError
from scansearch.figures.figure import FigureSpec
from scansearch.figures.render import draw, render
from scansearch.figures.scan_paths import percent, time_colours
from scansearch.figures.scan_source import ScanSource, catalogue
from scansearch.figures.style import style
from scansearch.registry import FIGURES
from scansearch.scans import ScanOrder
from scansearch.scans.locality import relation

NAMES = ("path", "gallery", "similarity")
FEW = ["h", "h_flip", "v", "w2", "w7", "w3_col"]
GRIDS = [(8, 8), (7, 12), (1, 60), (30, 2), (1, 1)]
A4_PRINTED = (10.9, 7.48)  # inches


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr("scansearch.figures.style.DPI", 40)


def drawn(figure, names, grid, **options):
    made = draw(ScanSource(tuple(names), grid), figure, **options)
    with style():
        FigureCanvasAgg(made).draw()
    return made


def render_scans(figure, names, grid, folder):
    return render(ScanSource(tuple(names), grid), folder, [figure])


def shown(figure):
    """Texts that are visible, and where they stand in pixels."""
    renderer = figure.canvas.get_renderer()
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    beyond = {label for axes in figure.axes for label in hidden_ticks(axes)}
    return [(t, t.get_window_extent(renderer)) for t in found if t not in beyond]


def hidden_ticks(axes):
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        yield from (
            label for t in axis.get_major_ticks() if not low <= t.get_loc() <= high for label in (t.label1, t.label2)
        )


def words(figure):
    return [t.get_text() for t, _ in shown(figure)]


def lines(axes):
    """Segments of the path by thickness: jumps, unit steps."""
    jumps, steps = (c for c in axes.collections if isinstance(c, LineCollection))
    assert len(jumps.get_segments()) == 0 or jumps.get_linewidth()[0] < steps.get_linewidth()[0]
    return jumps, steps


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize(("figure", "names"), [("path", ["w2_flip"]), ("gallery", FEW), ("similarity", FEW)], ids=NAMES)
def test_nothing_is_cut_off(figure, names, grid):
    made = drawn(figure, names, grid)
    assert shown(made)
    for text, box in shown(made):
        assert 0 <= box.x0 < box.x1 <= made.bbox.width, text
        assert 0 <= box.y0 < box.y1 <= made.bbox.height, text


@pytest.mark.parametrize("grid", [(7, 12), (5, 3), (1, 6)], ids=str)
@pytest.mark.parametrize("name", ["h", "w2", "v_flip"])
def test_the_path_goes_from_token_to_token(name, grid):
    axes = drawn("path", [name], grid).axes[0]
    visited = ScanOrder(name).indices(*grid).numpy()
    points = np.stack([visited % grid[1], visited // grid[1]], axis=1)
    steps = [(a.tolist(), b.tolist()) for a, b in pairwise(points)]
    jumps, units = ([segment.tolist() for segment in c.get_segments()] for c in lines(axes))
    length = {True: units, False: jumps}
    for a, b in steps:
        assert [a, b] in length[abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1]
    assert len(jumps) + len(units) == len(steps)


def test_the_path_marks_where_it_starts_and_ends():
    axes = drawn("path", ["v"], (3, 5)).axes[0]
    end, start = (c.get_offsets().tolist() for c in axes.collections[-2:])
    assert (start, end) == ([[0, 0]], [[4, 2]])


def test_the_path_states_its_measures():
    text = " ".join(words(drawn("path", ["h"], (14, 14))))
    for fact in ("unit steps: 93.3 %", "mean step 1.87", "neighbours 7.5 apart, at most 14", "distortion 7.07", "195"):
        assert fact in text
    assert "jumps" not in " ".join(words(drawn("path", ["h"], (1, 5))))


def test_longer_jumps_are_lighter():
    jumps, _ = lines(drawn("path", ["w2"], (8, 8)).axes[0])
    lengths = [np.abs(np.diff(s, axis=0)).sum() for s in jumps.get_segments()]
    alpha = dict(zip(lengths, jumps.get_colors()[:, 3], strict=True))
    assert sorted(alpha, key=lambda length: -alpha[length]) == sorted(alpha)
    assert max(alpha.values()) < 1


def test_a_path_is_that_of_one_order():
    with pytest.raises(ScansearchError, match="one scan order, but got 2"):
        drawn("path", ["h", "v"], (4, 4))


def test_the_gallery_names_every_order_once_under_its_family():
    found = words(drawn("gallery", ["w2", "h", "w7", "v", "w2"], (8, 8)))
    assert [found.count(word) for word in ("raster", "window", "h", "v", "w2", "w7")] == [1] * 6
    assert "4 orders on 8 × 8 tokens, coloured by time" in found
    assert found.count("51 % unit steps") == 1


@pytest.mark.parametrize(("count", "grid"), [(1, (14, 14)), (10, (12, 7)), (60, (14, 14)), (40, (2, 30))], ids=str)
def test_a_gallery_fits_on_a4(count, grid, monkeypatch):
    monkeypatch.setattr("scansearch.reports.scan_gallery.draw_path", lambda *_: None)  # it is the layout that counts
    names = [f"w{k}{s}" for k in range(1, 31) for s in ("", "_flip")][:count]
    figure = drawn("gallery", names, grid)
    assert sorted(figure.get_size_inches()) <= sorted(A4_PRINTED)
    assert max(figure.get_size_inches()) <= max(A4_PRINTED) + 1e-6
    boxes = [axes.get_window_extent() for axes in figure.axes]
    assert len(boxes) == count
    assert all(not a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    labels = [box for text, box in shown(figure) if text.get_text() in names]
    assert len(labels) == count
    assert all(not a.overlaps(b) for i, a in enumerate(labels) for b in labels[:i])


@pytest.mark.parametrize("names", [[], [f"w{k}" for k in range(1, 200)]], ids=["none", "too many"])
def test_a_gallery_refuses_what_does_not_fit(names):
    with pytest.raises(ScansearchError, match=f"but got {len(names)}"):
        drawn("gallery", names, (4, 4))


def test_the_matrix_holds_the_similarities_and_marks_redundant_pairs():
    figure = drawn("similarity", ["h", "v", "h_flip", "w4"], (4, 4))
    matrix = figure.axes[0]
    names = [label.get_text() for label in matrix.get_yticklabels()]
    assert sorted(names) == ["h", "h_flip", "v", "w4"]
    assert [label.get_text() for label in matrix.get_xticklabels()] == names
    marks = {tuple(map(int, t.get_position())): t.get_text() for t in matrix.texts}
    signs = {"identical": "=", "reversed": "⇄"}
    for (row, a), (column, b) in permutations(enumerate(names), 2):
        how = relation(a, b, 4, 4)
        assert marks[column, row] == signs[how] if how else marks[column, row].startswith(".")
    values = matrix.collections[0].get_array()
    assert np.allclose(np.diag(values.reshape(4, 4)), 1)
    assert {"identical on this grid", "one is the other reversed"} <= set(words(figure))


def test_orders_that_are_alike_stand_together():
    values = np.array([[1, 0.1, 0.9], [0.1, 1, 0.2], [0.9, 0.2, 1]])
    found = cluster(["a", "b", "c"], values)
    assert found.names in (("b", "c", "a"), ("a", "c", "b"))
    assert np.array_equal(np.diag(found.values), [1, 1, 1])
    assert found.values[0, 2] == pytest.approx(0.1)
    assert found.branches[1].max() == pytest.approx(1 - 0.15)


def test_adjacency_is_the_other_measure():
    tau, adjacency = (drawn("similarity", ["h", "v"], (5, 5), measure=m) for m in ("tau", "adjacency"))
    assert tau.axes[0].collections[0].get_array().min() > 0
    assert adjacency.axes[0].collections[0].get_array().min() == 0
    with pytest.raises(ScansearchError, match="'nope'; there is: tau, adjacency"):
        drawn("similarity", ["h", "v"], (5, 5), measure="nope")
    with pytest.raises(ScansearchError, match="at least two different scan orders, but got 1"):
        drawn("similarity", ["h", "h"], (5, 5))


def test_names_of_forty_orders_are_readable():
    figure = drawn("similarity", [f"w{k}{s}" for k in range(1, 21) for s in ("", "_flip")], (14, 14))
    labels = [box for text, box in shown(figure) if re.fullmatch(r"w\d+(_flip)?", text.get_text())]
    assert len(labels) == 80
    assert all(not a.overlaps(b) for i, a in enumerate(labels) for b in labels[:i])
    assert min(label.get_fontsize() for label in figure.axes[0].get_yticklabels()) >= 5


@pytest.mark.parametrize(("figure", "names"), [("path", ["w2"]), ("gallery", FEW), ("similarity", FEW)], ids=NAMES)
def test_files_are_the_same_each_time(figure, names, tmp_path):
    first, again = (render_scans(figure, names, (7, 5), tmp_path / folder) for folder in "ab")
    subject = "w2" if figure == "path" else figure
    assert [path.name for path in first] == [f"scan-{subject}-7x5.{kind}" for kind in ("png", "svg")]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_names_make_safe_file_names(tmp_path):
    blank = FigureSpec("blank", ScanSource, "nothing", lambda source: Figure(figsize=(1, 1)))
    FIGURES.register("blank", blank)
    try:
        assert render_scans("blank", ["a:1/../b"], (2, 2), tmp_path)[0].name == "scan-a-1-..-b-2x2.png"
    finally:
        FIGURES.unregister("blank")


def test_an_unknown_figure_and_a_disk_that_refuses_are_one_line(tmp_path):
    with pytest.raises(ScansearchError, match="unknown figure of scan orders 'nope'; there is: gallery, "):
        render_scans("nope", ["h"], (2, 2), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"^cannot write [^\n]*$"):
        render_scans("path", ["h"], (2, 2), tmp_path / "file")


def test_drawing_warns_of_nothing(tmp_path, recwarn):
    for figure, names in (("path", ["h"]), ("gallery", FEW), ("similarity", FEW)):
        render_scans(figure, names, (1, 1), tmp_path)
    assert not [str(warning.message) for warning in recwarn]


def test_time_colours_grow_lighter_and_stay_clear_of_white():
    colours = np.array([to_rgb(colour) for colour in time_colours().colors])
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > -1e-4).all()
    assert luminance[-1] < 0.6


def test_a_share_is_whole_only_if_it_is():
    assert [percent(share) for share in (0, 0.5, 0.9999, 1)] == ["0 %", "50 %", "99 %", "100 %"]
    assert [percent(share, 1) for share in (0.9333, 0.99999, 1)] == ["93.3 %", "99.9 %", "100.0 %"]


def test_the_catalogue_shows_each_path_of_a_family_once():
    names = catalogue(8, 8)
    assert len(names) == len(set(names))
    assert {"h", "v", "w2", "w7", "w7_col"} <= set(names)
    assert "h_t" not in names
    assert "w2_t" not in names


def test_the_legend_of_a_gallery_explains_only_what_is_there():
    jumps, steps = "jump, the lighter the longer", "unit step, to a neighbour on the grid"
    spiral, atrous, both = (words(drawn("gallery", names, (6, 6))) for names in (["spiral"], ["atrous2"], ["h"]))
    assert (steps in spiral, jumps in spiral) == (True, False)
    assert (steps in atrous, jumps in atrous) == (False, True)
    assert (steps in both, jumps in both) == (True, True)
