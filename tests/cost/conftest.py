import pytest

from scansearch.models import LayerInfo, ModelSpec


class Hierarchy(ModelSpec):
    """A backbone that is none of ours: two layers of 8 x 8 tokens, then three of 4 x 4. It cannot run."""

    def layers(self, shape):
        return (LayerInfo(0, (8, 8)),) * 2 + (LayerInfo(1, (4, 4)),) * 3

    def network(self, directions, shape):
        raise NotImplementedError

    supernet = network


@pytest.fixture
def hierarchy():
    return Hierarchy("theirs", "")
