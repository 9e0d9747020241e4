"""What exporters are given says its model, or in one line why it has none."""

from __future__ import annotations

import pytest

from scansearch.errors import ScansearchError
from scansearch.export.derived import DerivedNetwork
from scansearch.genotype import Genotype
from scansearch.shape import ImageShape


def test_its_model_has_the_options_of_the_genotype():
    genotype = Genotype.from_directions([["h"]] * 3, model="local_vim_tiny", options={"depth": 3})
    assert len(DerivedNetwork(genotype).spec.layers(ImageShape(224, 224, 3, 1000))) == 3
    assert DerivedNetwork(genotype).shape is None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "this genotype names no model"),
        ({"model": "nope"}, "unknown model 'nope'"),
        ({"model": "local_vim_tiny", "options": {"nope": 1}}, "unknown option of model local_vim_tiny 'nope'"),
    ],
)
def test_a_model_that_there_is_not_is_one_line(fields, says):
    with pytest.raises(ScansearchError, match=says) as caught:
        _ = DerivedNetwork(Genotype.from_directions([["h"]], **fields)).spec
    assert "\n" not in str(caught.value)
