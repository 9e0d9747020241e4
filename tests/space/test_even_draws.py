"""Draws that are even over costs, beside brute force."""

from collections import Counter
from itertools import product

import pytest
import torch

from scansearch.space import Budget, Costs, EvenDraws, SearchSpace

PRICES = {"h": 1.0, "h_flip": 2.0, "v": 4.0, "v_flip": 9.0}


def bound(keep=(1, 3), limit=24.0, layers=2, **more):
    space = SearchSpace(name="toy", candidates=tuple(PRICES), keep=keep, budget=Budget(limit=limit, table="t"), **more)
    return space.bind([(6, 6)] * layers, costs=Costs("FLOPs", 0.0, [PRICES] * layers))


def everything(space):
    return [choice for choice in product(*(layer.choices() for layer in space)) if space.allows(choice)]


@pytest.mark.parametrize("more", [{}, {"constraints": [{"kind": "flip_pairs", "least": 1}], "keep": (2, 3)}])
def test_every_bin_is_as_likely_as_another_and_so_is_every_genotype_of_a_bin(more):
    space = bound(**more)
    draws, random = EvenDraws(space), torch.Generator().manual_seed(0)
    members = [{c for c in everything(space) if space.cost(c) in costs} for costs in draws.bins]
    assert set().union(*members) == {*everything(space)}
    assert sum(map(len, members)) == space.size  # no genotype is in two bins
    drawn = Counter(draws(random) for _ in range(6000))
    for one in members:
        share = 6000 / len(members)
        assert sum(drawn[choice] for choice in one) == pytest.approx(share, abs=5 * share**0.5)
        for choice in one:
            assert drawn[choice] == pytest.approx(share / len(one), abs=5 * (share / len(one)) ** 0.5)


def test_genotypes_do_not_pile_up_at_the_limit():
    space = bound(keep=(1, 3), limit=60.0, layers=6)
    random = torch.Generator().manual_seed(0)
    evenly, uniformly = EvenDraws(space), space.sample
    third = 6 + (60 - 6) * 2 / 3
    dear = [sum(space.cost(draw(random)) > third for _ in range(300)) / 300 for draw in (uniformly, evenly)]
    assert dear[0] > 0.5 > 0.4 > dear[1]


def test_a_bin_can_be_named():
    space, random = bound(), torch.Generator().manual_seed(0)
    draws = EvenDraws(space)
    for number in range(2 * len(draws.bins)):
        assert space.cost(draws(random, number=number)) in draws.bins[number % len(draws.bins)]


def test_without_a_budget_the_number_of_directions_is_what_a_genotype_costs():
    space = SearchSpace(name="toy", candidates=tuple(PRICES), keep=(1, 4)).bind([(6, 6)] * 2)
    draws, random = EvenDraws(space), torch.Generator().manual_seed(0)
    assert [len(sum(draws(random, number=number), ())) for number in range(7)] == [2, 3, 4, 5, 6, 7, 8]
    same = SearchSpace(name="toy", candidates=tuple(PRICES), keep=2).bind([(6, 6)] * 2)
    assert len(EvenDraws(same).bins) == 1
    assert same.allows(EvenDraws(same)(random))


def test_a_space_of_one_genotype_is_one_bin():
    space = bound(keep=1, limit=2.0)
    assert EvenDraws(space)() == ((0,), (0,))
