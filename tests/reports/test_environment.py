"""No figure depends on the environment's backend, and the environment is left as it was."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

DRAW = """
import os, sys
before = os.environ.get("MPLBACKEND")
from scansearch.figures.render import render
from scansearch.figures.sources import RunSource
render(RunSource.open(sys.argv[1]), sys.argv[2], sys.argv[3:])
assert os.environ.get("MPLBACKEND") == before
assert "matplotlib.pyplot" not in sys.modules
import matplotlib
print(matplotlib.rcParams._get("backend"))
"""


def python(code, *arguments, **environment):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def test_a_backend_that_is_not_installed_here(source, tmp_path):
    done = python(DRAW, source.run, tmp_path / "figures", MPLBACKEND="module://matplotlib_inline.backend_inline")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "figures").iterdir())) == 10


@pytest.mark.slow
def test_a_backend_that_is_installed_stays_what_it_was_for_other_code(source, tmp_path):
    done = python(DRAW, source.run, tmp_path / "figures", "judged", MPLBACKEND="svg")
    assert (done.returncode, done.stdout.strip()) == (0, "svg"), done.stderr


def test_pictures_of_scan_orders_need_no_backend_either(tmp_path):
    code = (
        "import sys; from scansearch.figures.render import render; from scansearch.figures.scan_source import ScanSource;"
        "render(ScanSource(('h',), (3, 4)), sys.argv[1], ['path'])"
    )
    done = python(code, tmp_path, MPLBACKEND="module://matplotlib_inline.backend_inline")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "scan-h-3x4.png").stat().st_size > 0


@pytest.mark.slow
def test_a_configuration_folder_that_cannot_be_written(source, tmp_path):
    (tmp_path / "file").write_text("")
    done = python(DRAW, source.run, tmp_path / "figures", "judged", MPLCONFIGDIR=str(tmp_path / "file" / "x"))
    assert done.returncode == 0, done.stderr


def test_settings_of_matplotlib_that_are_no_text_are_one_line(source, tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe\x00")
    code = "import sys; from scansearch.cli.main import app; app(['plot', sys.argv[1]])"
    done = python(code, source.run, MPLCONFIGDIR=str(tmp_path))
    assert done.returncode == 2
    assert "matplotlibrc here or in its configuration folder, are not UTF-8" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_same_bytes_whatever_the_seed_of_hashes(tmp_path):
    """Stage 4 of LocalVMamba has signs on orders that are the same: a set of names once decided in which sequence."""
    code = (
        "import sys; from scansearch.figures.render import render; from scansearch.figures.sources import RunSource;"
        "from scansearch.genotype import published;"
        "render(RunSource(None, published('local_vmamba_tiny'), 'x'), sys.argv[1], ['heatmap'])"
    )
    for seed in ("1", "2", "3"):
        done = python(code, tmp_path / seed, PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
    assert len({(tmp_path / seed / "x-heatmap.svg").read_bytes() for seed in "123"}) == 1
