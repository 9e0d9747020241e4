import json
import sys
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest

# The benchmarks are no part of the installed package: they are found from the repository's root, as `make bench` does.
sys.path.insert(0, str(Path(__file__).parents[2]))

TWO = ["--strategy", "darts", "--strategy", "random_search"]
FEW = {"curves": [*TWO, "--budget", "1", "--layouts", "1"], "decoys": TWO, "planted": TWO, "proposals": TWO}
"""What makes a benchmark of many searches one of few."""


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """``tiny_run("scan")`` gives ``status``, ``shown`` and ``results`` of a benchmark with --tiny; each runs once."""
    from benchmarks import __main__ as command

    @cache
    def run(name):
        file = tmp_path_factory.mktemp("tiny") / "figures.json"
        with redirect_stdout(StringIO()) as shown:
            few = FEW.get(name, [])
            status = command.main([name, "--tiny", "--repeats", "1", "--seeds", "1", *few, "--json", str(file)])
        return SimpleNamespace(status=status, shown=shown.getvalue(), results=json.loads(file.read_text())["results"])

    return run
