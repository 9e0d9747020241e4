import gc
import os
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# Two workers with two OpenMP threads each on two cores wait for each other far longer than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The kernels for a GPU run on the CPU then, where they are asked for by name: there is no GPU here.
os.environ.setdefault("TRITON_INTERPRET", "1")

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


@pytest.fixture(scope="session", autouse=True)
def _objects_that_were_let_be_can_go():
    yield
    gc.unfreeze()


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collecting imports all there is: half a million objects that stay, in which no search for cycles finds anything."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items):
    """The longest file comes first: begun among the last, it would leave another worker idle."""
    items.sort(key=lambda item: item.path.name != "test_strategy_suite.py")


@pytest.fixture(scope="module", autouse=True)
def _old_objects_are_let_be(_objects_that_were_let_be_can_go):
    """Memory is counted after a search for unreachable cycles, which would pass through all that imports left, a quarter of a second."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_pictures(request, monkeypatch):
    """A search draws its figures at the end, two seconds of work; where tests are of the search itself, it draws none."""
    if request.path.parent.name in (
        "black_box",
        "comparing",
        "gradient",
        "models",
        "retraining",
        "runs",
        "searching",
        "strategies",
        "testing",
        "training",
    ):
        monkeypatch.setattr("scansearch.figures.render.render", lambda *arguments: [])


READS = ("item", "tolist", "__float__", "__bool__", "__int__", "__index__", "cpu", "numpy", "nonzero")


@pytest.fixture
def waits(monkeypatch):
    """A list of all that would wait for the device: every read of the numbers in a tensor, by its name.

    Optimisers keep the number of their steps on the CPU; what they read does not count.
    """
    found = []
    for name in READS:
        real = getattr(torch.Tensor, name)

        def reading(self, *arguments, real=real, name=name, **more):
            if "optim" not in Path(sys._getframe(1).f_code.co_filename).parts:
                found.append(name)
            return real(self, *arguments, **more)

        monkeypatch.setattr(torch.Tensor, name, reading)
    return found


@pytest.fixture(scope="session")
def tiny():
    """A search that takes about a second: 2 layers, 96 digits, 4 x 4 tokens."""

    from scansearch.searching.configure import make_config
    from scansearch.space import find_space

    def make(**settings):
        settings = {
            "epochs": 3,
            "batch_size": 32,
            "limit": 96,
            "patch_size": 2,
            "depth": 2,
            "checkpoint_steps": 2,
            "drop_path": 0.1,
            "scan_backend": "torch",
            "mixture": "keep",  # what auto would choose, after steps of its own
        } | settings
        names = {key: settings.pop(key) for key in ("strategy", "seed", "preset") if key in settings}
        return make_config(
            **{"strategy": "darts", **names},
            space=find_space("default8"),
            model="local_vim_nano",
            data="digits",
            settings=settings,
        )

    return make
