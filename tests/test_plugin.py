"""A third party's package, installed by pip as any other, adds one plug-in of each kind by entry points."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent / "plugin"
MAIN = "from scansearch.cli.main import main; main()"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that the plug-in is installed into; pip takes nothing from the network."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(PLUGIN, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--no-compile", "--disable-pip-version-check"]
    target = ["--target", str(folder / "site"), str(folder / "source")]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", *options, *target], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


def seeing(site):
    """The environment of a process that sees the plug-in, and whatever this one sees."""
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


@pytest.fixture
def scansearch(site, tmp_path):
    """Runs a command line in a process that sees the plug-in."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", MAIN, *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=seeing(site), timeout=600)

    return run


LISTINGS = (
    *("spaces", "doctor", "strategies", "strategies lottery", "models", "models slime", "figures", "exporters"),
    *("scans", "scans snail --grid 3x3", "scans snail_flip --grid 1x3"),
)
ALL = """
import contextlib, io, json, sys
from scansearch.cli.main import app
shown = {}
for line in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            app([*line.split(), "--json"])
        except SystemExit as end:
            assert not end.code, (line, end.code)
    shown[line] = json.loads(out.getvalue())
print(json.dumps(shown))
"""


@pytest.fixture(scope="module")
def listings(site):
    """What the command line lists, each as data, in one process that sees the plug-in."""
    done = subprocess.run([sys.executable, "-c", ALL, *LISTINGS], capture_output=True, text=True, env=seeing(site))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_space_is_listed_beside_the_built_in_ones(listings):
    spaces = {space["name"]: space for space in listings["spaces"]}
    assert {"default8", "garden"} <= set(spaces)
    assert spaces["garden"]["candidates"] == ["snail", "snail_flip", "h", "v", "w2"]


def test_doctor_knows_the_backend(listings):
    backends = {backend["name"]: backend for backend in listings["doctor"]["backends"]}
    assert {"cpu", "torch", "shell"} <= set(backends)
    assert backends["shell"]["available"]
    assert not backends["shell"]["chosen"]
    assert "an example of a plug-in" in backends["shell"]["reason"]


def test_the_strategy_is_listed_with_its_settings(listings):
    assert {"darts", "lottery"} <= {strategy["name"] for strategy in listings["strategies"]}
    assert "hold" in [option["name"] for option in listings["strategies lottery"]["settings"]["strategy"]]


def test_the_model_is_listed_with_its_options(listings):
    assert {"local_vim_tiny", "slime"} <= {model["name"] for model in listings["models"]}
    options = {option["name"]: option for option in listings["models slime"]["options"]}
    assert options["depth"] == {"name": "depth", "default": 2, "takes": "integer 1 to 100", "description": "Layers."}


def test_its_options_are_checked_in_one_line(scansearch):
    done = scansearch("run", "--model", "slime", "--set", "depth=0", "--epochs", "1")
    assert done.returncode == 2
    assert "model option depth takes an integer from 1 to 100, but got 0" in done.stderr
    done = scansearch("bench", "--model", "slime", "--unit", "flops")
    assert done.returncode == 2
    assert (
        "no FLOP formula is known for slime; measure it with `scansearch bench --model slime --unit ms`" in done.stderr
    )


def test_the_scan_order_is_listed_and_works(listings):
    assert "snail" in {family["name"] for family in listings["scans"]}
    assert listings["scans snail --grid 3x3"]["indices"] == [0, 1, 2, 5, 8, 7, 6, 3, 4]
    assert listings["scans snail_flip --grid 1x3"]["indices"] == [2, 1, 0]


def test_the_figure_is_listed_and_drawn_of_several_runs(scansearch, listings, tmp_path):
    assert {"name": "tastes", "of": "runs"}.items() <= listings["figures"][-1].items()
    done = scansearch("plot", "local_vim_tiny", "vim_tiny", "--figure", "tastes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"local_vim_tiny-vim_tiny-tastes.{kind}" for kind in ("png", "svg")]
    assert (tmp_path / "local_vim_tiny-vim_tiny-tastes.png").stat().st_size > 1000


def test_the_exporter_is_listed_and_says_where_it_does_not_apply(scansearch, listings, tmp_path):
    assert "directions" in [exporter["name"] for exporter in listings["exporters"]]
    refused = scansearch("export", "local_vim_tiny", "--to", "directions")
    assert (refused.returncode, refused.stderr) == (2, "error: no layer keeps a snail\n")
    (tmp_path / "g.json").write_text('[["snail", "h"], ["h", "v"]]')
    assert scansearch("export", "g.json", "--to", "directions").stdout == "export/g-directions.txt\n"
    assert (tmp_path / "export" / "g-directions.txt").read_text() == "snail h\nh v\n"


def test_order_space_and_strategy_conform(site):
    check = "check_family(SCAN_ORDERS.get('snail')); check_space(SEARCH_SPACES.get('garden')); "
    check += "check_strategy(STRATEGIES.get('lottery'), quick=True)"
    imports = "from scansearch.registry import SCAN_ORDERS, SEARCH_SPACES, STRATEGIES; from scansearch.testing import *"
    command = [sys.executable, "-c", f"{imports}; {check}"]
    done = subprocess.run(command, capture_output=True, text=True, env=seeing(site))
    assert done.returncode == 0, done.stderr


def test_without_the_package_its_names_are_unknown(scansearch, monkeypatch, tmp_path):
    command = [sys.executable, "-c", MAIN, "run", "--space", "garden", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "garden" in done.stderr
    assert "default8" in done.stderr


def test_a_search_with_its_space_strategy_and_model(scansearch, tmp_path):
    names = ["--space", "garden", "--strategy", "lottery", "--model", "slime", "--data", "digits"]
    sizes = ["--epochs", "2", "--set", "limit=128", "--set", "depth=3", "--set", "hold=2", "--out", "run"]
    done = scansearch("run", *names, *sizes)
    assert done.returncode == 0, done.stderr
    genotype = json.loads((tmp_path / "run" / "genotype.json").read_text())
    assert genotype["space"]["name"] == "garden"
    assert genotype["search"]["strategy"] == "lottery"
    assert (genotype["model"], genotype["options"], len(genotype["layers"])) == ("slime", {"depth": 3}, 3)
    for layer in genotype["layers"]:
        assert len(layer["directions"]) == 2
        assert set(layer["directions"]) <= {"snail", "snail_flip", "h", "v", "w2"}
        assert sum(layer["scores"].values()) == pytest.approx(1, abs=1e-6)
    assert (tmp_path / "run" / "figures" / "heatmap.png").stat().st_size > 1000
    kept = {name for layer in genotype["layers"] for name in layer["directions"]}
    assert (tmp_path / "run" / "export" / "directions.txt").exists() == bool(kept & {"snail", "snail_flip"})
