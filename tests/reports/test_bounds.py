"""Figures of very much: refused by a limit that is stated, or a part is drawn in bounded time and the rest is told."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.text import Text

from scansearch.errors import ScansearchError
from scansearch.figures.render import render
from scansearch.figures.scan_source import ScanSource
from scansearch.figures.sources import RunSource
from scansearch.figures.style import style
from scansearch.genotype import Genotype, LayerGenotype
from scansearch.registry import FIGURES
from scansearch.runs.tables import METRICS


def drawn(name, source):
    with style():
        return FIGURES.get(name).draw(source)


def said(figure):
    return " ".join(text.get_text() for text in figure.findobj(Text))


def refusal(function, *arguments):
    with pytest.raises(ScansearchError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_heatmap_of_1_000_layers_is_refused_by_its_limit(tmp_path):
    source = RunSource(None, Genotype.from_directions([["h", "v"]] * 1000), "deep")
    says = "cannot draw heatmap: it shows at most 128 layers, but this genotype has 1,000"
    assert refusal(render, source, tmp_path, ["heatmap"]) == says


def test_a_heatmap_of_20_000_candidates_shows_the_chosen_and_the_strongest():
    names = [f"w{k}{flip}" for k in range(2, 10_002) for flip in ("", "_flip")]
    # Not checked, as a genotype from a file is: that takes seconds for so many.
    layer = LayerGenotype.model_construct(
        stage=0,
        grid=None,
        directions=("w9", "w77"),
        scores=dict.fromkeys(names, 0.5) | {"w5000": 0.9},
        settled=None,
    )
    space = {"name": "vast", "candidates": names}
    genotype = Genotype.model_construct(model=None, space=space, layers=(layer, layer), search={})
    figure = drawn("heatmap", RunSource(None, genotype, "wide"))
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(rows) == 24
    assert {"w9", "w77", "w5000"} <= set(rows)
    assert "19,976 weaker not shown" in said(figure)


def test_a_heatmap_shows_the_most_often_kept_of_very_many():
    names = [f"w{k}" for k in range(2, 102)]
    kept = [["w2", "w3"], ["w2", "w3"], *([a, b] for a, b in zip(names[2::2], names[3::2], strict=True))]
    genotype = Genotype.from_directions(kept).model_copy(update={"space": {"name": "x", "candidates": names}})
    figure = drawn("heatmap", RunSource(None, genotype, "wide"))
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(rows) == 40
    assert rows[:2] == ["w2", "w3"]
    assert "60 that fewer layers keep not shown" in said(figure)


def test_orders_on_vast_grids_are_not_compared():
    layer = {"directions": ["h", "w2"], "grid": [100_000, 100_000]}
    figure = drawn("heatmap", RunSource(None, Genotype.from_dict({"layers": [layer]}), "vast"))
    assert "orders not compared: their grids are too large" in said(figure)


def test_curves_of_100_000_epochs(tmp_path):
    epochs = np.arange(1, 100_001)
    figures = np.random.default_rng(0).random((9, len(epochs)))
    rows = np.column_stack([epochs, epochs, *figures, epochs])
    form = ",".join(["%d", "%d", *["%.3f"] * 4, "%.3f,accuracy", *["%.3f"] * 4, "%d"])
    np.savetxt(tmp_path / "metrics.csv", rows, fmt=form, header=METRICS.header.strip(), comments="")
    figure = drawn("curves", RunSource.open(tmp_path))
    shown = figure.axes[0].lines[0].get_xdata()
    assert (len(shown), shown[0], shown[-1]) == (2000, 1, 100_000)
    assert "2,000 of 100,000 epochs drawn" in said(figure)


@pytest.mark.parametrize(
    ("epochs", "layers", "names", "says", "lines", "points"),
    [
        (1000, 2, 3, "200 of 1,000 epochs drawn", 3, 200),
        (2, 2, 20_000, "24 of 20,000 candidates of a layer drawn", 24, 2),
    ],
)
def test_alpha_of_very_many(epochs, layers, names, says, lines, points, tmp_path):
    rows = [
        f"{e},{i},w{n + 2},{(n + e) / names:.6f},{int(n < 2)}"
        for e in range(1, epochs + 1)
        for i in range(layers)
        for n in range(names)
    ]
    (tmp_path / "scores.csv").write_text("\n".join(["epoch,layer,direction,score,kept", *rows]) + "\n")
    figure = drawn("alpha", RunSource.open(tmp_path))
    assert says in said(figure)
    for axes in (axes for axes in figure.axes if axes.get_visible()):
        assert [len(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == points] == [points] * lines


def test_alpha_of_20_000_layers_is_refused_by_its_limit(tmp_path):
    rows = [f"1,{i},{n},{p},{k}" for i in range(20_000) for n, p, k in (("h", 0.6, 1), ("v", 0.4, 0))]
    (tmp_path / "scores.csv").write_text("\n".join(["epoch,layer,direction,score,kept", *rows]) + "\n")
    says = "cannot draw alpha: it shows at most 40 layers, but this run has 20,000"
    assert refusal(render, RunSource.open(tmp_path), tmp_path, ["alpha"]) == says


@pytest.mark.slow
def test_a_million_genotypes(tmp_path):
    count, head = 1_000_000, "number,worth,measure,cost,unit,front,directions"
    rows = "".join(f"{i},.{i % 1000:03},accuracy,{i},FLOPs,1,h\n" for i in range(count))
    (tmp_path / "genotypes.csv").write_text(f"{head}\n{rows}")
    source = RunSource.open(tmp_path)
    for name in ("judged", "front"):
        figure = drawn(name, source)
        assert "5,000 of 1,000,000 dots drawn" in said(figure)
        assert all(len(line.get_xdata()) <= 5000 for line in figure.axes[0].lines)
    assert not figure.axes[0].texts, "a front so long has no numbers"
    best = drawn("judged", source).axes[0].lines[1].get_ydata()
    assert best[-1] == pytest.approx(99.9), "the best so far is that of all, drawn or not"


def test_a_table_that_is_too_large_is_refused_before_it_is_read(run, tmp_path, monkeypatch):
    monkeypatch.setattr("scansearch.runs.table.MAX_TABLE_BYTES", 2 << 20)
    (run / "scores.csv").write_text("x" * (3 << 20))
    says = refusal(render, RunSource.open(run), tmp_path, ["alpha"])
    assert "a table is at most 2 MB, but this is 3 MB" in says


@pytest.mark.parametrize(
    ("figure", "names", "grid", "says"),
    [
        ("gallery", ["h", "v", "w2"], (256, 256), "a gallery is of at most 150,000 tokens in all, but 3 orders on 256 x 256 have 196,608"),
        ("similarity", [f"w{k}" for k in range(2, 20_002)], (8, 8), "a similarity is that of at most 128 scan orders, but got 20,000"),
        ("similarity", [f"w{k}" for k in range(2, 42)], (200, 200), "a similarity is of at most 500,000 tokens in all"),
        ("path", ["h"], (1024, 1024), "at most 65536 tokens"),
    ],
)  # fmt: skip
def test_pictures_of_too_many_tokens_are_refused(figure, names, grid, says, tmp_path):
    assert says in refusal(render, ScanSource(tuple(names), grid), tmp_path, [figure])
    assert not list(tmp_path.iterdir())
