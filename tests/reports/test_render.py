"""Every figure as files: from runs and genotypes, the same bytes each time, and one line where it cannot be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib
import pytest
from matplotlib.figure import Figure

from scansearch.errors import RunFolderError, ScansearchError
from scansearch.figures.figure import FigureSpec, figures_of
from scansearch.figures.render import inline_svg, render
from scansearch.figures.sources import RunSource, RunsSource
from scansearch.genotype import Genotype, published, published_names
from scansearch.registry import FIGURES

ALL = ["alpha", "curves", "front", "heatmap", "judged"]
PNG = b"\x89PNG\r\n\x1a\n"


def bytes_of(paths):
    return {path.name: path.read_bytes() for path in paths}


def refusal(*arguments):
    with pytest.raises(ScansearchError) as caught:
        render(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def check(paths, names, stem="first--run"):
    """Files outside of the run's own folder begin with its name, made fit for a file."""
    assert [path.name for path in paths] == [f"{stem}-{name}.{kind}" for name in names for kind in ("png", "svg")]
    for path in paths:
        if path.suffix == ".png":
            assert path.read_bytes().startswith(PNG)
        else:
            assert ElementTree.parse(path).getroot().tag.endswith("svg")


def test_a_run_gives_every_figure_of_runs(source, tmp_path):
    check(render(source, tmp_path / "figures"), ALL)
    assert figures_of(type(source)) == sorted([*ALL, "confusion"])


@pytest.mark.parametrize("name", published_names())
def test_a_published_genotype_gives_the_heatmap(name, tmp_path):
    check(render(RunSource(None, published(name), name), tmp_path), ["heatmap"], name)


@pytest.mark.parametrize("name", ["alpha", "curves"])
def test_a_genotype_alone_has_no_epochs_to_draw(name, tmp_path):
    source = RunSource(None, published("local_vim_tiny"), "local_vim_tiny")
    assert refusal(source, tmp_path, [name]).startswith(f"cannot draw {name}: there is no finished epoch")
    assert not list(tmp_path.iterdir())


def test_an_unfinished_run_has_no_heatmap_and_says_what_to_do(run, tmp_path):
    (run / "genotype.json").unlink()
    (run / "genotypes.csv").unlink()
    source = RunSource.open(run)
    assert "scansearch resume" in refusal(source, tmp_path / "out", ["heatmap"])
    check(render(source, tmp_path / "out"), ["alpha", "curves"])


def test_a_run_that_has_only_begun_has_nothing_to_draw(run, tmp_path):
    (run / "genotype.json").unlink()
    for name in ("metrics.csv", "scores.csv", "genotypes.csv"):
        (run / name).write_text((run / name).read_text().splitlines()[0] + "\n")
    assert refusal(RunSource.open(run), tmp_path / "out").count("cannot draw") == 6


def test_a_front_needs_genotypes_of_several_costs(run, tmp_path):
    (run / "genotypes.csv").write_text(
        (run / "genotypes.csv").read_text().replace("1,0.5,accuracy,3,", "1,0.5,accuracy,4,")
    )
    assert "all genotypes that this run judged cost the same" in refusal(
        RunSource.open(run), tmp_path / "out", ["front"]
    )


def test_scores_that_never_differ_are_not_drawn(run, tmp_path):
    rows = [f"{e},{i},{n},0.25,0" for e in (1, 2) for i in (0, 1) for n in ("h", "h_flip", "v", "w2")]
    (run / "scores.csv").write_text("\n".join(["epoch,layer,direction,score,kept", *rows]))
    assert "this strategy has no alpha" in refusal(RunSource.open(run), tmp_path / "out", ["alpha"])


def test_an_unknown_figure_lists_the_known_ones(source, tmp_path):
    assert "heatmap" in refusal(source, tmp_path, ["heatmpa"])


@pytest.mark.parametrize("name", ALL)
def test_the_same_source_gives_the_same_bytes(name, source, tmp_path):
    again = RunSource.open(source.run)
    assert bytes_of(render(source, tmp_path / "a", [name])) == bytes_of(render(again, tmp_path / "b", [name]))


def test_another_process_with_another_style_gives_the_same_bytes(source, tmp_path):
    """No style sheet of the user, no display and no pyplot is looked at; nothing global is left changed."""
    script = (
        "import sys, matplotlib; matplotlib.rcParams.update({'font.size': 30, 'axes.facecolor': 'red', 'savefig.dpi': 20});"
        "before = dict(matplotlib.rcParams);"
        "from scansearch.figures.render import render; from scansearch.figures.sources import RunSource;"
        "render(RunSource.open(sys.argv[1]), sys.argv[2]);"
        "assert dict(matplotlib.rcParams) == before; assert 'matplotlib.pyplot' not in sys.modules"
    )
    out = tmp_path / "other"
    command = [sys.executable, "-c", script, str(source.run), str(out)]
    # Without a backend named, reading all of rcParams would itself import pyplot to choose one.
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"} | {"MPLBACKEND": "agg"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert bytes_of(render(source, tmp_path / "here")) == bytes_of(sorted(out.iterdir()))


def test_settings_outside_are_left_alone(source, tmp_path):
    before = dict(matplotlib.rcParams)
    render(source, tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_drawing_warns_of_nothing(source, tmp_path, recwarn):
    render(source, tmp_path)
    assert not [str(warning.message) for warning in recwarn]


@pytest.mark.parametrize("table", ["metrics.csv", "scores.csv"])
@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\x00\xff\xfe\x00\x80" * 50,
        b"epoch,other\n1,2\n",
        b'"',
        "1\x00",
        "cut",
        "word",
        "more cells",
    ],
    ids=["empty", "binary", "columns", "quote", "nul", "cut", "word", "cells"],
)
def test_a_damaged_table_is_one_line_that_names_it(table, damage, run, tmp_path):
    path = run / table
    good = path.read_text()
    damaged = {
        "1\x00": good.replace("1", "\x00", 3),
        "cut": good[: good.rindex("\n3,") + 5],
        "word": good.replace("3,", "three,"),
        "more cells": good + "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n",
    }
    path.write_bytes(damage if isinstance(damage, bytes) else damaged[damage].encode())
    message = refusal(RunSource.open(run), tmp_path / "out")
    assert str(path) in message
    assert not (tmp_path / "out").exists()


def test_a_number_that_is_missing_is_found_by_its_line(run, tmp_path):
    lines = (run / "scores.csv").read_text().splitlines()
    lines[6] = lines[6].replace(",0.25,", ",,")
    (run / "scores.csv").write_text("\n".join(lines))
    assert "line 7 has no number for score" in refusal(RunSource.open(run), tmp_path)


def test_rows_that_are_missing_are_not_an_error(run, tmp_path):
    lines = (run / "scores.csv").read_text().splitlines()
    (run / "scores.csv").write_text("\n".join(lines[:-3]) + "\n")
    render(RunSource.open(run), tmp_path / "out", ["alpha"])


@pytest.mark.parametrize("text", ["{", "[]", '{"layers": []}', '[["h", "h"]]', '[["nowhere"]]'])
def test_a_bad_genotype_is_one_line_that_names_its_file(text, tmp_path):
    path = tmp_path / "g.json"
    path.write_text(text)
    with pytest.raises(ScansearchError, match=r"g\.json") as caught:
        RunSource.open(path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_run_is_one_line(tmp_path):
    with pytest.raises(ScansearchError, match=r"^[^\n]* holds no run [^\n]*$"):
        RunSource.open(tmp_path)


def test_a_disk_that_refuses_is_one_line(source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"^cannot write [^\n]*$"):
        render(source, tmp_path / "file")


def test_list_of_lists_is_drawn(tmp_path):
    path = tmp_path / "published.json"
    path.write_text('[["h", "v"], ["w2", "w2_flip"]]')
    check(render(RunSource.open(path), tmp_path / "out"), ["heatmap"], "published")


@pytest.fixture
def blank():
    """Registers a figure of a kind of source."""

    def register(of, **fields):
        return FIGURES.register("blank", FigureSpec("blank", of, "nothing", lambda _: Figure(figsize=(1, 1)), **fields))

    yield register
    FIGURES.unregister("blank")


def test_a_third_partys_figure(source, blank, tmp_path):
    blank(RunSource)
    check(render(source, tmp_path, ["blank", "blank"]), ["blank"])
    check(render(RunSource(None, Genotype.from_directions([["h"]]), "g"), tmp_path), ["blank", "heatmap"], "g")


def test_a_figure_of_several_runs(source, blank, tmp_path):
    both = RunsSource((source, RunSource(None, published("vim_tiny"), "vim_tiny")))
    assert "there is no figure of several runs or genotypes" in refusal(both, tmp_path)
    blank(RunsSource)
    check(render(both, tmp_path), ["blank"], "first--run--vim_tiny")
    assert refusal(source, tmp_path, ["blank"]) == (
        "cannot draw blank: it is of several runs or genotypes, not of one run or genotype"
    )
    assert "cannot draw heatmap: it is of one run or genotype" in refusal(both, tmp_path, ["heatmap"])


def test_what_is_no_figure_is_one_line(source, tmp_path):
    FIGURES.register("blank", lambda source: Figure())
    try:
        assert "a figure is a FigureSpec, but 'blank' is function" in refusal(source, tmp_path, ["blank"])
    finally:
        FIGURES.unregister("blank")


def test_a_figure_for_a_page(source):
    """Names inside begin with the figure's, so that two figures of one page do not share them."""
    names = {}
    for name in ("curves", "judged"):
        text = inline_svg(source, name)
        assert text.startswith("<svg ")
        root = ElementTree.fromstring(text)
        names[name] = {element.get("id") for element in root.iter() if element.get("id")}
        assert all(found.startswith(f"{name}-") for found in names[name])
        used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)
        assert {one or other for one, other in used} <= names[name]
        assert text == inline_svg(source, name)
    assert not names["curves"] & names["judged"]


def test_a_figure_that_does_not_apply_is_none_for_a_page_either():
    with pytest.raises(ScansearchError, match="cannot draw curves: there is no finished epoch"):
        inline_svg(RunSource(None, published("vim_tiny"), "vim_tiny"), "curves")
