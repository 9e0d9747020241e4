from dataclasses import dataclass

import pytest

from scansearch.models import LayerInfo


@dataclass(frozen=True)
class Hierarchy:
    """A backbone that is none of ours: two layers of 8 x 8 tokens, then three of 4 x 4. It cannot run."""

    name: str = "theirs"

    def layers(self, image_size):
        return (LayerInfo(0, (8, 8)),) * 2 + (LayerInfo(1, (4, 4)),) * 3


@pytest.fixture
def hierarchy():
    return Hierarchy()
