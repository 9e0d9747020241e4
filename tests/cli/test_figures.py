"""``scansearch plot``, ``export`` and ``scans``: where files go, and that none replaces another source's unasked."""

import json
import re
import shutil
from pathlib import Path

import pytest

from scansearch.figures.sources import title_of

NAMES = ["heatmap.png", "heatmap.svg"]


@pytest.fixture
def genotypes(here):
    """Files ``a.json``, ``b.json`` and ``other/a.json``, all different."""
    (here / "other").mkdir()
    for number, path in enumerate(("a.json", "b.json", "other/a.json"), start=1):
        (here / path).write_text(
            json.dumps(
                {
                    "model": "local_vim_nano",
                    "options": {"depth": number, "patch_size": 2, "attention": "channel"},
                    "shape": {"height": 8, "width": 8, "channels": 1, "classes": 10},
                    "layers": [{"directions": ["h", "v"]}] * number,
                }
            )
        )
    return here


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def test_figures_of_several_genotypes_lie_in_one_folder(call, refused, genotypes):
    for source in ("a.json", "b.json", "a.json"):
        assert call("plot", source, "--out", "f").status == 0
    assert listed(genotypes / "f") == [f"{stem}-{name}" for stem in "ab" for name in NAMES]
    before = (genotypes / "f" / "a-heatmap.png").read_bytes()
    assert "f/a-heatmap.png exists and holds something else" in refused("plot", "other/a.json", "--out", "f")
    assert (genotypes / "f" / "a-heatmap.png").read_bytes() == before
    assert call("plot", "other/a.json", "--out", "f", "--overwrite").status == 0
    assert (genotypes / "f" / "a-heatmap.png").read_bytes() != before


def test_a_runs_own_figures_keep_plain_names_and_are_drawn_anew(call, finished, tmp_path):
    own = finished.path / "figures" / "curves.png"
    before = own.read_bytes()
    own.write_bytes(b"old")
    assert call("plot", finished.path, "--figure", "curves").status == 0
    assert own.read_bytes() == before
    assert call("plot", finished.path, "--figure", "curves", "--out", tmp_path).status == 0
    assert listed(tmp_path) == ["run-curves.png", "run-curves.svg"]


def test_what_is_not_drawn_is_said_with_the_reason(call, genotypes):
    told = call("plot", "a.json").err
    assert "not drawn: alpha, curves: there is no finished epoch of a run to draw" in told


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("g.json", "g"),
        ("genotype.json", "genotype"),
        ("runs/one", "one"),
        ("runs/one/genotype.json", "one"),
        ("runs/one/front/57.json", "one-front-57"),
    ],
)
def test_files_of_a_run_bear_its_name(path, title, here):
    (here / "runs" / "one" / "front").mkdir(parents=True)
    (here / "runs" / "one" / "config.toml").write_text("")
    assert title_of(Path(path)) == title


@pytest.mark.parametrize("form", ["json", "localmamba"])
def test_exports_of_several_genotypes_lie_in_one_folder(form, call, refused, genotypes):
    count = len(call("export", "a.json", "--to", form, "--out", "f").out.split())
    assert call("export", "b.json", "--to", form, "--out", "f").status == 0
    assert len(listed(genotypes / "f")) == 2 * count
    assert all(
        ("a" in words) != ("b" in words) for words in (re.split(r"[-_.]", name) for name in listed(genotypes / "f"))
    )
    assert "exists and holds something else" in refused("export", "other/a.json", "--to", form, "--out", "f")
    assert call("export", "other/a.json", "--to", form, "--out", "f", "--overwrite").status == 0
    assert len(listed(genotypes / "f")) == 2 * count


def test_a_runs_own_exports_keep_plain_names(call, finished, here):
    shutil.copytree(finished.path, here / "run")
    for _ in range(2):
        assert call("export", "run", "--to", "json").out.split() == ["run/export/genotype.json"]


def test_a_similarity_of_other_orders_does_not_replace_the_first(call, refused, here):
    assert call("scans", "h", "v", "--grid", "4x4").status == 0
    assert call("scans", "h", "v", "--grid", "4x4", "--by", "adjacency").status == 0
    assert "scan-similarity-adjacency-4x4.png" in listed(here)
    assert "exists and holds something else" in refused("scans", "h", "w2", "--grid", "4x4")
    assert call("scans", "h", "w2", "--grid", "4x4", "--overwrite").status == 0
