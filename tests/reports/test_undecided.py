"""The heatmap of a genotype that halves of the images were asked about: what they do not bear out is pale."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from scansearch.figures.colours import FAINT, INK, PALE, direction_styles, paler
from scansearch.figures.sources import RunSource
from scansearch.figures.style import style
from scansearch.registry import FIGURES

HALVES = [{"h": 2, "w2": 1, "h_flip": 1}, {"v": 2, "w2": 2}]
CONFIRMED = [["h"], ["v", "w2"]]


def asked(genotype, p=0.01):
    layers = [
        {
            "directions": names if p <= 0.05 else [],
            "halves": halves,
            "overlap": 1.0,
            "most": 2.0,
            "chance": 1.0,
            "p": 0.5,
        }
        for names, halves in zip(CONFIRMED, HALVES, strict=True)
    ]
    record = {
        "pairs": 1, "epochs": 3, "overlap": 3.0, "most": 4.0, "chance": 2.0, "p": p, "law": "exact", "level": 0.05, "needed": 2,
        "layers": layers,
    }  # fmt: skip
    return type(genotype).from_dict({**genotype.model_dump(mode="json", by_alias=True), "confirmed": record})


def heatmap(genotype):
    with style():
        return FIGURES.get("heatmap").draw(RunSource(None, genotype, "title"))


def written(figure):
    return [text.get_text() for text in figure.findobj(Text)]


def numbers(figure):
    """Colours of the numbers, layer by layer."""
    found = [text for text in figure.axes[0].texts if text.get_text().startswith(".")]
    return [[to_hex(text.get_color()) for text in found[start : start + 4]] for start in (0, 4)]


def test_kept_cells_without_confirmation_have_pale_outlines(genotype):
    figure = heatmap(asked(genotype))
    edges = [to_hex(colour) for colour in figure.axes[0].collections[1].get_edgecolor()]
    assert edges == [INK, FAINT, INK, INK]  # h, v; v, w2
    assert "kept and confirmed" in written(figure)
    assert "undecided (pale)" in written(figure)
    assert any("halves agree on 3 of 4 (chance 2) · p = 0.01" in text for text in written(figure))


def test_colours_and_numbers_of_undecided_cells_are_pale(genotype):
    plain, shown = heatmap(genotype), heatmap(asked(genotype))
    before, after = (list(figure.axes[0].collections[0].get_facecolor()) for figure in (plain, shown))
    pale = [[False, True, True, True], [False] * 4]  # h, h_flip, v, w2: v is in no half, h_flip and w2 in one each
    for old, new, faint in zip(before, after, itertools.chain(*pale), strict=True):
        assert to_hex(new) == to_hex(paler(old[:3]) if faint else old)
    assert [[colour == FAINT for colour in layer] for layer in numbers(shown)] == pale


def test_if_halves_agree_no_more_than_chance_all_is_pale(genotype):
    figure = heatmap(asked(genotype, p=0.3))
    assert {colour for layer in numbers(figure) for colour in layer} == {FAINT}
    assert "kept and confirmed" not in written(figure)
    assert "undecided (pale)" in written(figure)


def test_without_scores_kept_cells_are_filled_or_pale(genotype):
    bare = [layer.model_copy(update={"scores": {}}) for layer in asked(genotype).layers]
    figure = heatmap(asked(genotype).model_copy(update={"layers": tuple(bare)}))
    styles = direction_styles(genotype.candidates)
    fills = [to_hex(colour) for colour in figure.axes[0].collections[0].get_facecolor()]
    own = {name: styles[name].colour for name in genotype.candidates}
    assert fills == [own["h"], PALE, to_hex(paler(own["v"])), PALE, PALE, PALE, own["v"], own["w2"]]


def test_a_genotype_that_was_not_asked_about_looks_as_ever(genotype):
    figure = heatmap(genotype)
    assert "kept" in written(figure)
    assert not any("undecided" in text or "halves" in text for text in written(figure))


def test_a_record_of_other_layers_is_refused(genotype):
    record = asked(genotype).model_dump(mode="json", by_alias=True)
    record["confirmed"]["layers"].pop()
    with pytest.raises(Exception, match="confirmed: it has 1 layers, but the genotype has 2"):
        type(genotype).from_dict(record)
