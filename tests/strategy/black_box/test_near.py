"""Instead of a genotype that was judged, one near it."""

import torch

from scansearch.space import SearchSpace
from scansearch.strategy.black_box.near import near

BOUND = SearchSpace(name="two", candidates=("h", "v"), keep=1).bind([(8, 8)] * 2)


def test_the_one_that_is_left_is_found_and_where_none_is_left_nothing_is_drawn():
    random = torch.Generator().manual_seed(0)
    every = {((i,), (j,)) for i in (0, 1) for j in (0, 1)}
    left, judged = ((1,), (1,)), ((0,), (0,))
    assert near(BOUND, judged, every - {left}, random) == left
    before = random.get_state()
    assert near(BOUND, judged, every, random) == judged
    assert torch.equal(random.get_state(), before)
