"""Tables and genotypes of numbers that axes cannot hold: drawn, and what is left out is said; or refused with the reason."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.text import Text

from scansearch.errors import ScansearchError
from scansearch.figures.drawable import LARGEST, drawable, percent_text
from scansearch.figures.render import render
from scansearch.figures.score_scale import ScoreScale, short_numbers
from scansearch.figures.sources import RunSource
from scansearch.figures.style import style
from scansearch.genotype import Genotype
from scansearch.registry import FIGURES
from scansearch.runs.tables import METRICS

NAMES = ["h", "h_flip", "v", "w2"]
VALUES = {
    "huge": [1e308, -1e308, 1e308, 1e307],
    "infinite": ["inf", 0.2, "-inf", 0.3],
    "not a number": ["nan", "nan", "nan", "nan"],
    "negative": [-1, -2, -3, -0.5],
    "tiny": [5e-324, 0, 0, 1e-320],
    "one": [1, 0, 0, 0],
}
KINDS = ["alpha", "curves", "front", "heatmap", "judged"]


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr("scansearch.figures.style.DPI", 30)


def folder(path, values, epochs):
    scores = [
        f"{e},{i},{n},{v},{int(n == 'h')}" for e in epochs for i in (0, 1) for n, v in zip(NAMES, values, strict=True)
    ]
    metrics = [f"{e},1,{','.join(map(str, values))},0,accuracy,0,0,0,0,0" for e in epochs]
    genotypes = [f"{i},{v},accuracy,{c},ms,1,h" for i, (v, c) in enumerate(zip(values, values[::-1], strict=True))]
    for name, head, rows in (
        ("scores.csv", "epoch,layer,direction,score,kept", scores),
        ("metrics.csv", METRICS.header.strip(), metrics),
        ("genotypes.csv", "number,worth,measure,cost,unit,front,directions", genotypes),
    ):
        (path / name).write_text("\n".join([head, *rows]) + "\n")
    finite = [value if isinstance(value, (int, float)) else 1e308 for value in values]
    layer = {"directions": ["h"], "grid": [4, 4], "scores": dict(zip(NAMES, finite, strict=True))}
    Genotype.from_dict({"layers": [layer, layer]}).save(path / "genotype.json")
    return path


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_every_figure_is_drawn_without_a_warning_or_says_why_not(values, tmp_path, recwarn):
    source = RunSource.open(folder(tmp_path, values, (1,)))
    for name in KINDS:
        try:
            assert len(render(source, tmp_path / "figures", [name])) == 2
        except ScansearchError as error:
            assert str(error).startswith(f"cannot draw {name}: all ")
    assert not [str(warning.message) for warning in recwarn]


@pytest.mark.parametrize("name", ["alpha", "curves", "judged", "front"])
def test_what_is_not_finite_is_left_out_and_counted(name, tmp_path):
    source = RunSource.open(folder(tmp_path, VALUES["infinite"], (1, 2)))
    with style():
        figure = FIGURES.get(name).draw(source)
    said = " ".join(text.get_text() for text in figure.findobj(Text))
    count = {"alpha": 8, "curves": 4, "judged": 2, "front": 4}[name]
    assert f"{count} values not finite, left out" in said


def test_a_blank_is_no_number_but_nan_is(tmp_path):
    path = folder(tmp_path, VALUES["not a number"], (1,)) / "metrics.csv"
    assert RunSource.open(tmp_path).metrics["val_loss"].isna().all()
    path.write_text(path.read_text().replace("1,1,nan", "1,1,"))
    with pytest.raises(ScansearchError, match="line 2 has no number for train_loss"):
        _ = RunSource.open(tmp_path).metrics


def test_the_layers_of_a_sigmoid_run_have_no_entropy(tmp_path):
    (tmp_path / "layers.csv").write_text("epoch,layer,entropy,margin,changes\n1,0,nan,0.1,0\n")
    assert RunSource.open(tmp_path).layers["margin"].tolist() == [0.1]


def test_numbers_are_cut_to_what_axes_hold():
    assert drawable([1e308, -1e308, 1.0]).tolist() == [LARGEST, -LARGEST, 1.0]
    assert np.isnan(drawable([math.inf, -math.inf, math.nan])).all(), "a gap"
    assert short_numbers([1e308, -0.25, 3.0]) == ["1e+308", "-.25", "3.00"]
    assert (percent_text(0.5), percent_text(1e308)) == ("50.0 %", "1e+102 %")


def test_scores_that_are_all_alike_have_the_middle_shade():
    layer = {"directions": ["h"], "scores": {"h": 1e308, "v": 1e308}}
    assert ScoreScale.of(Genotype.from_dict({"layers": [layer]})).shade(0, 1e308) == 0.5
