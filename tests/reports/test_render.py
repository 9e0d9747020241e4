"""Every report as files: from runs and genotypes, the same bytes each time, and one line where it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib
import pytest
from matplotlib.figure import Figure

from scansearch.errors import RunFolderError, ScansearchError
from scansearch.figures.report import Report, ReportSource, render
from scansearch.genotype import Genotype, published, published_names
from scansearch.registry import REPORTS

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


def test_a_run_gives_every_report(source, tmp_path):
    check(render(source, tmp_path / "figures"), sorted(REPORTS.names()))
    assert sorted(REPORTS.names()) == ALL


@pytest.mark.parametrize("name", published_names())
def test_a_published_genotype_gives_the_heatmap(name, tmp_path):
    check(render(ReportSource(None, published(name), name), tmp_path), ["heatmap"], name)


@pytest.mark.parametrize("name", ["alpha", "curves"])
def test_a_genotype_alone_has_no_epochs_to_draw(name, tmp_path):
    source = ReportSource(None, published("local_vim_tiny"), "local_vim_tiny")
    assert refusal(source, tmp_path, [name]).startswith(f"cannot draw {name}: there is no finished epoch")
    assert not list(tmp_path.iterdir())


def test_an_unfinished_run_has_no_heatmap_and_says_what_to_do(run, tmp_path):
    (run / "genotype.json").unlink()
    (run / "genotypes.csv").unlink()
    source = ReportSource.open(run)
    assert "scansearch resume" in refusal(source, tmp_path / "out", ["heatmap"])
    check(render(source, tmp_path / "out"), ["alpha", "curves"])


def test_a_run_that_has_only_begun_has_nothing_to_draw(run, tmp_path):
    (run / "genotype.json").unlink()
    for name in ("metrics.csv", "scores.csv", "genotypes.csv"):
        (run / name).write_text((run / name).read_text().splitlines()[0] + "\n")
    assert refusal(ReportSource.open(run), tmp_path / "out").count("cannot draw") == 5


def test_a_front_needs_genotypes_of_several_costs(run, tmp_path):
    (run / "genotypes.csv").write_text((run / "genotypes.csv").read_text().replace("1,0.5,3,", "1,0.5,4,"))
    assert "all genotypes that this run judged cost the same" in refusal(
        ReportSource.open(run), tmp_path / "out", ["front"]
    )


def test_scores_that_never_differ_are_not_drawn(run, tmp_path):
    rows = [f"{e},{i},{n},0.25,0" for e in (1, 2) for i in (0, 1) for n in ("h", "h_flip", "v", "w2")]
    (run / "scores.csv").write_text("\n".join(["epoch,layer,direction,score,kept", *rows]))
    assert "this strategy has no alpha" in refusal(ReportSource.open(run), tmp_path / "out", ["alpha"])


def test_an_unknown_report_lists_the_known_ones(source, tmp_path):
    assert "heatmap" in refusal(source, tmp_path, ["heatmpa"])


@pytest.mark.parametrize("name", ALL)
def test_the_same_source_gives_the_same_bytes(name, source, tmp_path):
    again = ReportSource.open(source.run)
    assert bytes_of(render(source, tmp_path / "a", [name])) == bytes_of(render(again, tmp_path / "b", [name]))


def test_another_process_with_another_style_gives_the_same_bytes(source, tmp_path):
    """No style sheet of the user, no display and no pyplot is looked at; nothing global is left changed."""
    script = (
        "import sys, matplotlib; matplotlib.rcParams.update({'font.size': 30, 'axes.facecolor': 'red', 'savefig.dpi': 20});"
        "before = dict(matplotlib.rcParams);"
        "from scansearch.figures.report import ReportSource, render; render(ReportSource.open(sys.argv[1]), sys.argv[2]);"
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
    message = refusal(ReportSource.open(run), tmp_path / "out")
    assert str(path) in message
    assert not (tmp_path / "out").exists()


def test_a_number_that_is_missing_is_found_by_its_line(run, tmp_path):
    lines = (run / "scores.csv").read_text().splitlines()
    lines[6] = lines[6].replace(",0.25,", ",,")
    (run / "scores.csv").write_text("\n".join(lines))
    assert "line 7 has no number for score" in refusal(ReportSource.open(run), tmp_path)


def test_rows_that_are_missing_are_not_an_error(run, tmp_path):
    lines = (run / "scores.csv").read_text().splitlines()
    (run / "scores.csv").write_text("\n".join(lines[:-3]) + "\n")
    render(ReportSource.open(run), tmp_path / "out", ["alpha"])


@pytest.mark.parametrize("text", ["{", "[]", '{"layers": []}', '[["h", "h"]]', '[["nowhere"]]'])
def test_a_bad_genotype_is_one_line_that_names_its_file(text, tmp_path):
    path = tmp_path / "g.json"
    path.write_text(text)
    with pytest.raises(ScansearchError, match=r"g\.json") as caught:
        ReportSource.open(path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_run_is_one_line(tmp_path):
    with pytest.raises(ScansearchError, match=r"^[^\n]* holds no run [^\n]*$"):
        ReportSource.open(tmp_path)


def test_a_disk_that_refuses_is_one_line(source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"^cannot write [^\n]*$"):
        render(source, tmp_path / "file")


def test_list_of_lists_is_drawn(tmp_path):
    path = tmp_path / "published.json"
    path.write_text('[["h", "v"], ["w2", "w2_flip"]]')
    check(render(ReportSource.open(path), tmp_path / "out"), ["heatmap"], "published")


def test_a_third_partys_report(source, tmp_path):
    REPORTS.register("blank", Report("blank", "nothing", lambda _: Figure(figsize=(1, 1))))
    try:
        check(render(source, tmp_path, ["blank", "blank"]), ["blank"])
        check(render(ReportSource(None, Genotype.from_directions([["h"]]), "g"), tmp_path), ["blank", "heatmap"], "g")
    finally:
        REPORTS.unregister("blank")
