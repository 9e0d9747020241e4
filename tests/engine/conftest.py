import pytest

from scansearch.engine.settings import make_config
from scansearch.space import find_space


@pytest.fixture(scope="session")
def tiny():
    """A search that takes about a second: 2 layers, 96 digits, 4 x 4 tokens."""

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
