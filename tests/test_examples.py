"""The examples run as they stand."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(
    ("script", "said"),
    [("segmentation.py", "mean IoU on validation images"), ("mamba_block.py", "each layer keeps")],
)
def test_it_runs_and_prints_the_genotype(script, said, tmp_path):
    out = ["--out", str(tmp_path / "run")] if script == "segmentation.py" else []
    command = [sys.executable, str(EXAMPLES / script), "--epochs", "1", *out]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
