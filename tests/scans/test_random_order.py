"""Random orders: the same in every version of numpy, and different for every seed and grid."""

import numpy as np
import pytest
import slow_definitions as slow
import torch

from scansearch.scans.catalog.random_order import visit


@pytest.mark.parametrize(
    ("seed", "grid", "first"),
    [
        ("0", (3, 4), [5, 3, 9, 2, 4, 6, 8, 7, 0, 1, 11, 10]),
        ("1", (3, 4), [7, 5, 11, 0, 2, 6, 1, 10, 9, 8, 4, 3]),
        ("0", (4, 3), [10, 5, 9, 8, 0, 7, 6, 1, 4, 2, 3, 11]),
        ("3", (14, 14), [19, 43, 74, 44, 188, 45, 61, 20]),
        ("4294967295", (56, 56), [1855, 1101, 2034, 491, 843, 1673, 1988, 949]),
    ],
)
def test_pinned_values(seed, grid, first):
    """A genotype names a seed: what it stands for must not move with a version of numpy."""
    assert visit(*grid, seed).tolist()[: len(first)] == first


def test_pinned_raw_numbers():
    """The three steps from a seed to an order, each on its own: words of the seed, the generator, the sorting."""
    words = np.random.SeedSequence([3, 14, 14]).generate_state(4, np.uint64).tolist()
    assert words == [15311803871575071732, 6102896276129094535, 7704873488164444023, 1093440988308197963]
    raw = np.random.PCG64([3, 14, 14]).random_raw(100)
    numbers = slow.pcg64(words)
    assert raw.tolist() == [next(numbers) for _ in range(100)]


def test_seeds_and_grids_of_equal_size_differ():
    orders = [visit(*grid, seed) for grid in [(6, 8), (8, 6), (4, 12)] for seed in ("0", "1", "4294967295")]
    assert len({tuple(order.tolist()) for order in orders}) == len(orders)


def test_the_global_generators_are_left_alone():
    np.random.seed(1)
    torch.manual_seed(1)
    before = np.random.get_state()[1].tolist(), torch.get_rng_state()
    visit(7, 7, "5")
    after = np.random.get_state()[1].tolist(), torch.get_rng_state()
    assert before[0] == after[0]
    assert torch.equal(before[1], after[1])


def test_it_has_no_structure():
    """Over many seeds every token comes first about equally often, and neighbours are as far apart as chance has it."""
    firsts = torch.tensor([visit(4, 4, str(seed))[0] for seed in range(3200)])
    counts = torch.bincount(firsts, minlength=16)
    assert ((counts - 200) ** 2 / 200).sum() < 37.7  # chi-square with 15 degrees of freedom, p = 0.001
