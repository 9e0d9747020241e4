"""The planted problem is what it claims to be."""

import itertools

import numpy as np
import pytest
import torch

import scansearch
from scansearch.errors import ScansearchError
from scansearch.scans import distinct
from scansearch.testing.planted import CANDIDATES, GRID, PLANTED, PlantedProblem
from scansearch.testing.planted_model import preceding


def test_the_candidates_differ():
    assert len(set(distinct(CANDIDATES, *GRID).values())) == len(CANDIDATES)


def test_the_label_is_the_number_written_by_the_planted_bits():
    images, labels = PLANTED.read().train.batch(torch.arange(50))
    for image, label in zip(images.flatten(2).int(), labels.tolist(), strict=True):
        bits = []
        for pixels, names in zip(image, PLANTED.planted, strict=True):
            marked = int(pixels.argmax())
            bits += [int(pixels[preceding(name, GRID, 2)[marked, 1]] > 95) for name in names]
        assert label == int("".join(map(str, bits)), 2)


def test_only_the_planted_genotype_can_be_perfect():
    assert PLANTED.ceiling(PLANTED.planted) == 1.0
    for layer in range(len(PLANTED.planted)):
        for pair in itertools.combinations(CANDIDATES, 2):
            if set(pair) != set(PLANTED.planted[layer]):
                other = [pair if i == layer else names for i, names in enumerate(PLANTED.planted)]
                assert PLANTED.ceiling(other) < 0.9


def test_problems_are_drawn_by_their_seed():
    assert PlantedProblem.draw(3) == PlantedProblem.draw(3) != PlantedProblem.draw(4)
    assert np.isclose(PLANTED.overlap([("v", "h"), ("h", "v"), ("h", "v_flip")]), 0.5)
    with pytest.raises(ScansearchError, match="layer 0 plants nothing"):
        PlantedProblem(((),))


def test_a_search_is_better_than_chance(tmp_path):
    with PLANTED.registered():
        genotype = scansearch.search(
            tmp_path / "run",
            space=PLANTED.space,
            model="planted",
            data="planted",
            strategy="gumbel",
            epochs=10,
            lr=1e-2,
        )
    assert PLANTED.overlap(genotype) > 0.5
