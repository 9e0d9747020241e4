"""A figure tells a colleague what was searched, with what, and what its numbers and marks are."""

from __future__ import annotations

import pytest
from matplotlib.text import Text

from scansearch.figures.facts import SearchFacts
from scansearch.figures.sources import RunSource
from scansearch.figures.style import style
from scansearch.genotype import Genotype, published
from scansearch.registry import FIGURES, STRATEGIES

CONFIG = """\
seed = 7
[strategy]
name = "single_path"
[model]
name = "local_vim_nano"
[data]
name = "digits"
[space]
name = "default8"
[train]
epochs = 3
label_smoothing = 0.1
[augment]
shift = 0.125
mixup = 0.2
mix_probability = 1.0
"""
SEARCH = {"strategy": "darts", "seed": 3, "epochs": 12, "data": {"name": "cifar10", "fingerprint": "x"}}


def said(name, source):
    with style():
        figure = FIGURES.get(name).draw(source)
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]


@pytest.fixture
def configured(run):
    (run / "config.toml").write_text(CONFIG)
    return RunSource.open(run)


@pytest.mark.parametrize("name", ["alpha", "curves", "front", "heatmap", "judged"])
def test_every_figure_of_a_run_names_model_data_strategy_seed_space_and_epochs(name, configured):
    line = " · ".join(said(name, configured))
    for fact in ("local_vim_nano on digits", "single_path", "seed 7", "space default8", "3 epochs"):
        assert fact in line


def test_a_genotype_alone_tells_the_same():
    genotype = published("vim_tiny").model_copy(update={"search": SEARCH})
    assert SearchFacts.of(None, genotype).subject[:3] == ["vim_tiny on cifar10", "darts", "seed 3"]
    assert SearchFacts.of(None, genotype).subject[-1] == "12 epochs"
    early = genotype.model_copy(update={"search": {**SEARCH, "epochs_trained": 6}})
    assert SearchFacts.of(None, early).subject[-1] == "6 of 12 epochs"
    assert "LocalMamba, arXiv 2403.09338" in SearchFacts.of(None, published("local_vim_tiny")).subject


def test_facts_by_other_hands_are_left_out_if_they_are_no_words(genotype):
    search = {"strategy": ["x"], "seed": True, "epochs": {}, "data": "digits", "source": 1.5}
    assert SearchFacts.of(None, genotype.model_copy(update={"search": search})).subject == [
        "local_vim_nano",
        "space four",
    ]


def test_a_name_of_a_folder_that_cannot_be_shown_is_shown_as_far_as_it_can(genotype):
    assert "a\\x00b" in said("heatmap", RunSource(None, genotype, "a\x00b"))


@pytest.mark.parametrize(
    ("strategy", "name"),
    [
        ("darts", "probability"),
        ("single_path", "share of the best"),
        ("evolution", "share of the best"),
        ("sigmoid", "gate"),
        ("nowhere", "score"),
        ("", "score"),
    ],
)
def test_scores_are_called_what_the_strategy_says_they_are(strategy, name, genotype):
    facts = SearchFacts({}, genotype.model_copy(update={"search": {"strategy": strategy}}))
    assert facts.score_name == name


def test_a_strategy_that_cannot_be_imported_does_not_cost_the_figure(genotype, monkeypatch):
    def broken(name):
        from scansearch.errors import ScansearchError

        raise ScansearchError(f"strategy {name} cannot be imported")

    monkeypatch.setattr(STRATEGIES, "get", broken)
    assert SearchFacts({"strategy": "darts"}, genotype).score_name == "score"


def test_the_colour_bar_and_the_axes_bear_that_name(configured):
    assert "share of the\nbest" in said("heatmap", configured)
    assert "share of the best" in said("alpha", configured)
    assert not any("probability" in text for name in ("heatmap", "alpha") for text in said(name, configured))


def test_curves_say_what_lifts_the_training_loss(configured, source):
    assert any(
        "label smoothing 0.1 and mixup lift the training loss only" in text for text in said("curves", configured)
    )
    assert "training (augmented images)" in said("curves", configured)
    plain = CONFIG.replace("label_smoothing = 0.1", "").replace("mixup = 0.2", "").replace("shift = 0.125", "")
    (source.run / "config.toml").write_text(plain)
    told = said("curves", RunSource.open(source.run))
    assert "training" in told
    assert not any("lift" in text for text in told)


def layer(directions, **more):
    return {"grid": [7, 7], "directions": directions, **more}


def test_the_legend_explains_only_marks_that_are_there():
    plain = Genotype.from_dict({"layers": [layer(["h", "v"])]})
    assert not {"□", "–", "▾", "=", "…"} & set(said("heatmap", RunSource(None, plain, "t")))
    same = Genotype.from_dict({"layers": [layer(["h", "w7", "v"]), layer(["v"])]})
    assert said("heatmap", RunSource(None, same, "t")).count("=") == 3, "two cells, and the legend"
    scored = {"h": 0.5, "w7": 0.5}
    gap = Genotype.from_dict({"layers": [layer(["h", "w7"], scores=scored), layer(["v"], scores={"v": 1.0})]})
    told = said("heatmap", RunSource(None, gap, "t"))
    assert {"□", "–"} <= set(told)
    assert "=" not in told, "cells hold numbers: no mark"
    assert "w7 is h in layer 1" in told


def test_many_candidates_are_coloured_by_the_range_of_their_layer():
    names = [f"w{k}" for k in range(2, 66)]
    scores = {name: (1 + i / 640) / 64 for i, name in enumerate(names)}
    genotype = Genotype.from_dict({"layers": [layer(["w65"], scores=scores), layer(["w2"], scores=scores)]})
    with style():
        figure = FIGURES.get("heatmap").draw(RunSource(None, genotype, "t"))
    shades = figure.axes[0].collections[0].get_facecolor()
    assert shades[:, :3].max() - shades[:, :3].min() > 0.7, "from the palest to the deepest"
    assert "score\nin its layer" in [text.get_text() for text in figure.findobj(Text)]


def test_rows_of_a_family_stand_together():
    names = [name for k in range(2, 32) for name in (f"w{k}", f"w{k}_snake", "h" if k == 2 else f"atrous{k}")]
    genotype = Genotype.from_directions([["w5", "atrous9", "w6_snake", "h"]]).model_copy(
        update={"space": {"name": "x", "candidates": names}}
    )
    with style():
        figure = FIGURES.get("heatmap").draw(RunSource(None, genotype, "t"))
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    kinds = ["atrous" if row.startswith("atrous") else "w" if row.startswith("w") else "h" for row in rows]
    assert [kind for i, kind in enumerate(kinds) if i == 0 or kinds[i - 1] != kind] == list(dict.fromkeys(kinds))
