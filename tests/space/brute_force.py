"""Every genotype of a small space, by trying all subsets and asking the constraints in plain words."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import combinations, product

from scansearch.scans import ScanOrder
from scansearch.space import FlipPairs, LayerSpace, SearchSpace


def reverse_of(name, candidates, grid):
    backwards = ScanOrder(name).indices(*grid).flip(0).tolist()
    return next((other for other in candidates if ScanOrder(other).indices(*grid).tolist() == backwards), None)


def satisfies(names, constraint, grid):
    if isinstance(constraint, FlipPairs):
        pairs = {
            frozenset({n, reverse_of(n, names, grid)}) for n in names if reverse_of(n, names, grid) not in (None, n)
        }
        return len(pairs) >= constraint.least
    count = sum(any(fnmatchcase(n, pattern) for pattern in constraint.of) for n in names)
    return count >= constraint.least and (constraint.most is None or count <= constraint.most)


def layer_choices(space: SearchSpace, layer: LayerSpace):
    """All choices of a layer as index tuples."""
    indices = range(len(layer.candidates))
    for size in range(layer.least, layer.most + 1):
        for choice in combinations(indices, size):
            names = [layer.candidates[i] for i in choice]
            if all(satisfies(names, constraint, layer.grid) for constraint in space.constraints):
                yield choice


def genotypes(space, bound, costs=None, limit=None):
    """All genotypes, or those whose costs (a list of dicts, one a layer) add up to at most the limit."""
    for choice in product(*(list(layer_choices(space, layer)) for layer in bound)):
        named = [[layer.candidates[i] for i in kept] for layer, kept in zip(bound, choice, strict=True)]
        if costs is None or sum(costs[i][n] for i, names in enumerate(named) for n in names) <= limit:
            yield choice
