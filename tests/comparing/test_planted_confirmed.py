"""What is there is confirmed, and what is not there is not: planted problems, and the same with shuffled labels."""

from dataclasses import replace

import pytest

import scansearch
from scansearch.comparing.agreement import at_least, mean_of, overlap_law, sum_of
from scansearch.comparing.confirmation import Confirmation, confirm
from scansearch.testing.planted import PlantedProblem

SETTINGS = {"lr": 0.01, "threads": 1, "checkpoint_steps": 100_000, "alpha_warmup": 0.0}
EPOCHS = 10
SEEDS = 40


def confirmed(folder, seed, *, shuffled, epochs):
    """The problem, and the genotype of a search for it with what its halves say."""
    with replace(PlantedProblem.draw(seed), shuffled=shuffled).registered() as problem:
        run = folder / f"{seed}-{shuffled}"
        scansearch.search(
            run, space=problem.space, model="planted", data="planted", seed=seed, epochs=epochs, **SETTINGS
        )
        return problem, confirm(Confirmation(run, epochs=EPOCHS, jobs=1))


def test_a_planted_genotype_is_confirmed(tmp_path):
    problem, genotype = confirmed(tmp_path, 0, shuffled=False, epochs=EPOCHS)
    found = genotype.confirmed
    assert (found.overlap, found.most, found.chance) == (6, 6, pytest.approx(2))
    assert found.p == pytest.approx(15**-3)
    assert problem.is_planted([layer.directions for layer in found.layers])


def test_one_of_shuffled_labels_is_not(tmp_path):
    _, genotype = confirmed(tmp_path, 0, shuffled=True, epochs=EPOCHS)
    assert genotype.confirmed.p > 0.05
    assert not any(layer.directions for layer in genotype.confirmed.layers)


@pytest.mark.slow
def test_how_often_forty_planted_genotypes_are_confirmed_and_forty_of_shuffled_labels(tmp_path):
    """At a level of 5 %, chance passes here in 0.7 %: an overlap of 5 or 6 of 6."""
    law = sum_of([overlap_law(6, 2, 2)] * 3)
    assert at_least(law, 5) == pytest.approx(25 / 3375)
    overlaps = {}
    for shuffled in (True, False):
        made = [confirmed(tmp_path, seed, shuffled=shuffled, epochs=1)[1].confirmed for seed in range(SEEDS)]
        overlaps[shuffled] = [int(found.overlap) for found in made]
        passed = sum(found.beyond_chance for found in made)
        print(f"shuffled {shuffled}: overlaps {overlaps[shuffled]}, beyond chance {passed} of {SEEDS}", flush=True)
    assert sum(n >= 5 for n in overlaps[True]) <= 2  # three or more: 0.3 % by chance
    assert (
        0.01 < at_least(sum_of([law] * SEEDS), sum(overlaps[True])) < 0.99
    )  # not even a little more than chance, or less
    assert mean_of(law) == pytest.approx(2)
    assert sum(n >= 5 for n in overlaps[False]) >= SEEDS - 2
