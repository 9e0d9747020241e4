"""What the figures show: the genotype's cells, readable numbers, nothing cut off, one colour a direction."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text

from scansearch.figures.colours import INK, PALE, blues, direction_styles, readable_on
from scansearch.figures.sources import RunSource
from scansearch.figures.style import shorten, style, text_width
from scansearch.genotype import Genotype, published, published_names
from scansearch.registry import FIGURES

EIGHT = ["h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip"]
MANY = ["h", "h_flip", "v", "v_flip", *(f"w{k}{flip}" for k in range(2, 16) for flip in ("", "_flip"))]


def drawn(name, source):
    with style():
        figure = FIGURES.get(name).draw(source)
        FigureCanvasAgg(figure).draw()
    return figure


def heatmap(genotype, title="title"):
    return drawn("heatmap", RunSource(None, genotype, title))


def searched(layers, names, keep, *, spread=1.0, clear=True):
    """A genotype with random scores."""
    rng = np.random.default_rng(layers)
    entries = []
    for _ in range(layers):
        values = np.exp(spread * rng.standard_normal(len(names)))
        scores = dict(zip(names, (values / values.sum()).tolist(), strict=True))
        best = sorted(names, key=lambda name: -scores[name])[:keep]
        entries.append({"directions": best, "scores": scores, "settled": clear, "grid": [14, 14]})
    return Genotype.from_dict({"layers": entries, "space": {"name": "x", "candidates": names, "keep": keep}})


def cells(figure):
    """Patches of the grid by (column, row), as they lie on the paper."""
    collection = figure.axes[0].collections[0]
    boxes = [path.get_extents() for path in collection.get_paths()]
    columns = sorted({round(box.x0, 6) for box in boxes})
    rows = sorted({round(box.y0, 6) for box in boxes})
    colours = [to_hex(colour) for colour in collection.get_facecolor()]
    places = [(columns.index(round(b.x0, 6)), rows.index(round(b.y0, 6))) for b in boxes]
    return dict(zip(places, colours, strict=True))


def outlined(figure):
    grid, marks = figure.axes[0].collections[:2]
    centres = [path.get_extents() for path in grid.get_paths()]
    columns = sorted({round((box.x0 + box.x1) / 2, 6) for box in centres})
    rows = sorted({round((box.y0 + box.y1) / 2, 6) for box in centres})
    boxes = [path.get_extents() for path in marks.get_paths()]
    return {(columns.index(round((b.x0 + b.x1) / 2, 6)), rows.index(round((b.y0 + b.y1) / 2, 6))) for b in boxes}


def kept_cells(genotype):
    rows = list(genotype.candidates)
    return {(i, rows.index(name)) for i, layer in enumerate(genotype.layers) for name in layer.directions}


def texts(figure):
    renderer = figure.canvas.get_renderer()
    hidden = {t for axes in figure.axes for t in tick_labels(axes, shown=False)}
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in hidden]
    return [(t, t.get_window_extent(renderer)) for t in found]


def tick_labels(axes, *, shown):
    """Tick labels that are drawn, or those beyond the ends of an axis, which matplotlib makes but leaves out."""
    labels = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        ticks = axis.get_major_ticks()
        labels += [t.label1 for t in ticks if (axes.get_visible() and low <= t.get_loc() <= high) == shown]
    return labels


@pytest.mark.parametrize("name", published_names())
def test_filled_cells_are_those_of_a_published_genotype(name):
    genotype = published(name)
    styles, rows = direction_styles(EIGHT), genotype.candidates
    colours = cells(heatmap(genotype))
    assert {cell for cell, colour in colours.items() if colour != PALE} == kept_cells(genotype)
    assert all(colour in (PALE, styles[rows[row]].colour) for (_, row), colour in colours.items())
    assert len(colours) == len(genotype.layers) * len(rows)


def test_outlined_cells_are_those_of_a_searched_genotype(genotype):
    figure = heatmap(genotype)
    assert outlined(figure) == kept_cells(genotype)
    shown = [t.get_text() for t in figure.axes[0].texts]
    for value in (".36", ".14", ".30", ".20", ".10", ".22", ".40", ".28"):
        assert shown.count(value) == 1


def test_numbers_of_the_kept_are_bold_and_all_stand_in_their_cells(genotype):
    figure = heatmap(genotype)
    numbers = {t.get_text(): t for t in figure.axes[0].texts}
    assert {text for text, t in numbers.items() if t.get_fontweight() == "bold"} == {".36", ".30", ".40", ".28"}
    x, y = numbers[".28"].get_position()
    assert (round(x - 0.5), int(y)) == (1, 3), "layer 2, fourth candidate"


def test_scores_of_any_size_are_written_in_full():
    layer = {"directions": ["h"], "scores": {"h": 10.5, "v": -0.25, "w2": 0.5, "w7": 100.0}}
    shown = [t.get_text() for t in heatmap(Genotype.from_dict({"layers": [layer]})).axes[0].texts]
    assert shown[:4] == ["10.50", "-.25", ".50", "100.00"]


def test_a_genotype_by_other_hands_is_drawn_with_all_it_keeps():
    # It keeps w2, which its space does not list, and scores w9, which nothing lists.
    other = {"space": {"name": "x", "candidates": ["h", "v"]}, "search": {}}
    layer = published("local_vim_tiny").layers[0]
    first = layer.model_copy(update={"directions": ("h", "w2"), "scores": {"v": 0.5, "w9": 3.0}})
    second = layer.model_copy(update={"directions": ("w2",), "scores": {"w9": 1.0}})
    genotype = published("local_vim_tiny").model_copy(update={**other, "layers": (first, second)})
    figure = heatmap(genotype)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["h", "v", "w2"]
    assert [t.get_text() for t in figure.axes[0].texts if t.get_text().startswith(".")] == [".500"]
    alone = heatmap(genotype.model_copy(update={"layers": (second,)}))
    assert {cell for cell, colour in cells(alone).items() if colour != PALE} == {(0, 2)}


def test_near_uniform_numbers_get_the_digits_that_tell_them_apart():
    shown = [t.get_text() for t in heatmap(searched(20, EIGHT, 4, spread=0.02)).axes[0].texts]
    assert sum(len(text) == 4 and text.startswith(".1") for text in shown) == 160


def test_a_layer_in_doubt_is_marked_and_explained(genotype):
    figure = heatmap(genotype)
    written = [t.get_text() for t, _ in texts(figure)]
    assert "not settled" in written
    plain = genotype.model_copy(
        update={"layers": tuple(layer.model_copy(update={"settled": True}) for layer in genotype.layers)}
    )
    assert "not settled" not in [t.get_text() for t, _ in texts(heatmap(plain))]


def test_one_order_under_two_names_is_pointed_out():
    written = [t.get_text() for t, _ in texts(heatmap(published("local_vmamba_tiny")))]
    assert "w7_flip is h_flip in layers 14–15" in written
    layer = {"grid": [2, 2], "directions": ["h", "w2"]}
    written = [t.get_text() for t, _ in texts(heatmap(Genotype.from_dict({"layers": [layer] * 5})))]
    assert "w2 is h in layers 1–5" in written


SHAPES = {
    "one": searched(1, ["h"], 1),
    "one in doubt": searched(1, ["h", "v"], 1, clear=False),
    "plain": Genotype.from_directions([["h"]]),
    "six": searched(6, EIGHT, 4),
    "twenty": searched(20, EIGHT, 4, clear=False),
    "forty": searched(40, MANY, 8),
    **{name: published(name) for name in published_names()},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_cut_off_and_nothing_overlaps(shape):
    figure = heatmap(SHAPES[shape], "a_very_long_name_of_a_run_folder " * 5)
    width, height = figure.bbox.width, figure.bbox.height
    boxes = texts(figure)
    for text, box in boxes:
        assert 0 <= box.x0 < box.x1 <= width, text
        assert 0 <= box.y0 < box.y1 <= height, text
    for (a, first), (b, second) in itertools.combinations(boxes, 2):
        wide = min(first.x1, second.x1) - max(first.x0, second.x0)
        high = min(first.y1, second.y1) - max(first.y0, second.y0)
        # The boxes of two lines of text may touch: they hold room for letters that reach below.
        assert wide <= 0.5 or high <= 0.25 * min(first.height, second.height), (a, b)


def test_of_very_many_candidates_the_kept_and_the_strongest_are_shown():
    names = [f"w{k}{flip}" for k in range(2, 52) for flip in ("", "_flip")]
    genotype = searched(6, names, 4)
    figure = heatmap(genotype)
    shown = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert shown == [name for name in names if name in shown]
    kept = {name for layer in genotype.layers for name in layer.directions}
    assert len(shown) == 24 > len(kept)
    assert kept <= set(shown)
    peaks = {name: max(layer.scores[name] for layer in genotype.layers) for name in names if name not in kept}
    assert min(peaks[name] for name in shown if name in peaks) > max(
        p for name, p in peaks.items() if name not in shown
    )
    assert "76 weaker not shown" in [text.get_text() for text, _ in texts(figure)]


def test_alpha_of_very_many_candidates_names_what_each_layer_keeps(tmp_path):
    names = [f"w{k}" for k in range(2, 22)]
    lines = [
        f"{e},{layer},{n},0.05,{int(n == kept)}"
        for e in (1, 2)
        for layer, kept in ((0, "w3"), (1, "w9"))
        for n in names
    ]
    (tmp_path / "scores.csv").write_text("\n".join(["epoch,layer,direction,score,kept", *lines]) + "\n")
    figure = drawn("alpha", RunSource(tmp_path, None, "many"))
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [[t.get_text() for t in axes.get_legend().get_texts()] for axes in panels] == [["w3"], ["w9"]]
    assert not figure.legends


def test_numbers_too_small_to_read_are_left_out():
    sizes = {shape: [t.get_fontsize() for t, _ in texts(heatmap(genotype))] for shape, genotype in SHAPES.items()}
    assert all(min(found) >= 4.5 for found in sizes.values())
    assert len(sizes["twenty"]) > 160
    assert len(sizes["forty"]) < 160


def test_a_title_is_no_formula(genotype):
    assert "a$b$" in [t.get_text() for t, _ in texts(heatmap(genotype, "a$b$"))]


def test_curves_show_the_table(source):
    loss, accuracy = drawn("curves", source).axes
    assert [list(line.get_ydata()) for line in loss.lines] == [[2.3, 1.9, 1.4], [2.2, 1.7, 1.1]]
    assert [list(line.get_ydata()) for line in accuracy.lines] == [[12, 41, 66], [26, pytest.approx(58), 81]]


def test_alpha_shows_every_direction_and_stresses_the_kept(source):
    figure = drawn("alpha", source)
    styles = direction_styles(["h", "h_flip", "v", "w2"])
    for axes, kept in zip(figure.axes, (["h", "v"], ["v", "w2"]), strict=True):
        lines = [line for line in axes.lines if len(line.get_xdata()) == 3]
        assert [line.get_color() for line in lines] == [styles[name].colour for name in ("h", "h_flip", "v", "w2")]
        strong = {line.get_color() for line in lines if line.get_alpha() == 1}
        assert strong == {styles[name].colour for name in kept}
        assert axes.get_ylim()[0] == 0
    assert list(figure.axes[0].lines[1].get_ydata()) == [0.26, 0.30, 0.36]
    assert {handle.get_linewidth() for handle in figure.legends[0].get_lines()} == {1.5}


def test_judged_shows_every_genotype_and_the_best_so_far(source):
    dots, best = drawn("judged", source).axes[0].lines
    assert list(dots.get_ydata()) == pytest.approx([50, 70, 60])
    assert list(best.get_ydata()) == pytest.approx([50, 70, 70])


@pytest.mark.parametrize("name", ["judged", "front"])
def test_the_axis_says_by_what_genotypes_were_judged(name, run):
    assert drawn(name, RunSource.open(run)).axes[0].get_ylabel() == "validation accuracy (%)"
    path = run / "genotypes.csv"
    path.write_text(path.read_text().replace(",accuracy,", ",mean_iou,"))
    assert drawn(name, RunSource.open(run)).axes[0].get_ylabel() == "validation mean IoU (%)"


@pytest.mark.parametrize("name", ["alpha", "curves"])
def test_a_single_epoch_is_drawn_at_a_whole_number(name, run):
    for table in ("metrics.csv", "scores.csv"):
        lines = (run / table).read_text().splitlines()
        (run / table).write_text("\n".join([lines[0], *(line for line in lines if line.startswith("1,"))]))
    figure = drawn(name, RunSource.open(run))
    axes = figure.axes[-1]
    shown = [label.get_text() for label in tick_labels(axes, shown=True) if label in axes.get_xticklabels()]
    assert shown == ["1"]


@pytest.mark.parametrize("layers", [1, 2, 6, 20])
def test_the_panels_of_many_layers_are_not_cut_off(layers, tmp_path):
    rows = ["epoch,layer,direction,score,kept"]
    rows += [
        f"{e},{i},{n},{p / 28},{int(n[0] == 'h')}" for e in (1, 2) for i in range(layers) for p, n in enumerate(EIGHT)
    ]
    (tmp_path / "scores.csv").write_text("\n".join(rows))
    figure = drawn("alpha", RunSource.open(tmp_path))
    assert sum(axes.get_visible() for axes in figure.axes) == layers
    for text, box in texts(figure):
        if text.axes is None or text.axes.get_visible():
            assert 0 <= box.x0 < box.x1 <= figure.bbox.width, text
            assert 0 <= box.y0 < box.y1 <= figure.bbox.height, text


def test_a_direction_looks_the_same_in_every_space():
    alone, all_of_them = direction_styles(["w2", "h"]), direction_styles(MANY)
    assert alone == {name: all_of_them[name] for name in ("w2", "h")}
    assert direction_styles(MANY[::-1]) == all_of_them
    assert len({(s.colour, s.dashes) for s in all_of_them.values()}) == len(MANY)


def test_the_colour_map_grows_darker_in_equal_steps():
    rgb = blues()(np.linspace(0, 1, 17))[:, :3]
    luminance = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
    steps = -np.diff(116 * np.cbrt(luminance) - 16)  # lightness, CIE 1976
    assert steps.min() > 0
    assert steps.max() / steps.min() < 1.3


def contrast(a, b):
    def luminance(colour):
        rgb = np.array(to_rgb(colour))
        return float(np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_numbers_contrast_with_every_shade():
    for shade in blues()(np.linspace(0, 1, 64)):
        text = readable_on(shade[:3])
        assert contrast(text, shade[:3]) >= max(contrast(c, shade[:3]) for c in (INK, "white")) - 0.4
        assert contrast(text, shade[:3]) > 3.5


def test_a_long_title_keeps_its_two_ends():
    text = shorten("run-" + "x" * 500 + "-end", 2.0, 7.5)
    assert text.startswith("run-")
    assert text.endswith("-end")
    assert text_width(text, 7.5) <= 2.0
    assert text_width(text + "x", 7.5) > 2.0, "as much as fits"
    assert shorten("short", 2.0, 7.5) == "short"
    assert shorten("a line\nof two", 2.0, 7.5) == "a line of two"
    assert len(shorten("abcdefgh", 0.0, 7.5)) == 3
    assert shorten("", 0.0, 7.5) == ""
