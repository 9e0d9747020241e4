import os
from pathlib import Path

import pytest
from hypothesis import settings

# Two workers with two OpenMP threads each on two cores wait for each other far longer than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No deadline: how long an example takes says how busy the machine is.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _a_clean_checkout():
    """Tests write to temporary folders: pictures in the repository's root were committed more than once."""
    root = Path(__file__).parents[1]
    before = set(root.glob("[!.]*"))
    yield
    left = {path.name for path in set(root.glob("[!.]*")) - before}
    assert not left, f"tests left {sorted(left)} in the repository"


@pytest.fixture(autouse=True)
def _no_pictures(request, monkeypatch):
    """A search draws its figures at the end, two seconds of work; where tests are of the search itself, it draws none."""
    if request.path.parent.name in ("engine", "gradient", "models", "strategies", "testing"):
        monkeypatch.setattr("scansearch.report.render", lambda *arguments: [])
