"""A judge for whom directions add up, noise aside, and what share of the best there is a search has found."""

import torch
from toy_search import ToySupernet, space, strategy

from scansearch.strategy.step import Plan


class Additive:
    """Gains are standard normal; an accuracy of 1/2 is the mean of the space, 1 its best genotype."""

    def __init__(self, bound, seed=0, noise=0.0):
        random = torch.Generator().manual_seed(1000 + seed)
        self.gains = [torch.randn(len(layer.candidates), dtype=torch.float64, generator=random) for layer in bound]
        self.noise, self.random, self.asked = noise, random, []
        self.mean = sum(float(gains.mean()) * layer.least for gains, layer in zip(self.gains, bound, strict=True))
        self.best = bound.best(self.gains, threshold=0.0)

    def total(self, choice):
        return sum(float(gains[list(kept)].sum()) for gains, kept in zip(self.gains, choice, strict=True))

    def share(self, choice):
        return (self.total(choice) - self.mean) / (self.total(self.best) - self.mean)

    def __call__(self, selections):
        self.asked.append(tuple(s.indices for s in selections))
        return 0.5 + self.share(self.asked[-1]) / 2 + self.noise * float(torch.randn((), generator=self.random))


def searched(name, bound, judge, seed=0, **settings):
    """A strategy after its search."""
    supernet = ToySupernet(layers=len(bound), count=len(bound[0].candidates))
    found = strategy(name, supernet, bound, Plan(1, 1, seed), **settings)
    found.finish(judge)
    return found


def shares(name, layers, seeds=2, **settings):
    """The share of the best that each of some searches finds, over layers that keep 4 of 8."""
    bound = space(count=8, keep=4, layers=layers)
    judges = [Additive(bound, seed) for seed in range(seeds)]
    return [judge.share(searched(name, bound, judge, seed, **settings).choose()) for seed, judge in enumerate(judges)]
