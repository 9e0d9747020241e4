"""Strict fairness (FairNAS, Chu et al., arXiv 1907.01845, section 3.2): every direction is trained once in every update.

In each update the candidates of every layer are shuffled and cut into parts of k, 8 into two 4s. The parts run one after the
other on the same batch, their gradients add up, and the weights move once. An update so costs one pass over all
candidates, as a mixture does, in the memory of k of them. Where k does not divide N the last part is smaller. The
parts ignore constraints and the budget. What follows is the evolution of ``single_path``.
"""

from __future__ import annotations

import torch

from scansearch.engine.black_box import Evolved
from scansearch.engine.strategy import Step
from scansearch.models import Selection


class FairPath(Evolved):
    """Trains all directions equally often, k at a time, then evolves genotypes with the supernet as the judge."""

    description = "every direction once an update, k at a time, then evolution with the supernet as judge (FairNAS)"
    when = "as single_path, with time for N/k passes an update: no direction is ahead of another by luck"

    def select(self, step: int) -> list[Selection]:
        """The first part of each layer; the others follow in ``after_backward``."""
        self._parts = self._cut()
        return self._parts[0]

    def _cut(self) -> list[list[Selection]]:
        """Selections of the passes of one update. Layers with fewer parts than others begin again."""
        cuts = [
            [tuple(sorted(part)) for part in torch.randperm(len(layer.candidates)).split(layer.most)]
            for layer in self.space
        ]
        passes = max(map(len, cuts))
        return [[Selection(tuple(map(int, cut[n % len(cut)]))) for cut in cuts] for n in range(passes)]

    def after_backward(self, step: Step) -> None:
        """Adds the gradients of the other parts."""
        for selections in self._parts[1:]:
            step.backward(step.loss(step.train, selections))
