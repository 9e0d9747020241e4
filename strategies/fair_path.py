"""Strict fairness (FairNAS, Chu et al., arXiv 1907.01845, section 3.2): every direction is trained once in every update.

In each update the candidates of every layer are shuffled and cut into parts of k, 8 into two 4s. The parts run one after the
other on the same batch, their gradients add up, and the weights move once. An update so costs one pass over all
candidates, as a mixture does, in the memory of k of them. Where k does not divide N the last part is smaller. The
parts ignore constraints and the budget. A layer of fewer parts than another begins again in the same update, with its candidates
shuffled anew, and so trains some directions once more than others; of a layer that may keep several numbers of directions,
parts of the largest run. What follows is the evolution of ``single_path``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import ClassVar

from typing_extensions import override

from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.strategy import Step
from scansearch.strategy.black_box import GeneticSearch
from scansearch.strategy.preset import IMAGENET_AUGMENT, Preset


class FairPath(GeneticSearch):
    """Trains all directions equally often, k at a time, then evolves genotypes with the supernet as the judge."""

    description = "every direction once an update, k at a time, then evolution with the supernet as judge (FairNAS)"
    when = "as single_path, with time for N/k passes an update: no direction is ahead of another by luck"
    presets: ClassVar[dict[str, Preset]] = {
        "fairnas": Preset(
            source="Chu et al., arXiv 1907.01845, section 4: on ImageNet; the code of this search was not released",
            settings={
                "train": {
                    "epochs": 150, "batch_size": 256, "optimizer": "sgd", "lr": 0.045, "min_lr": 0.0, "warmup_epochs": 0,
                    "momentum": 0.9, "weight_decay": 4e-5, "clip_norm": 0.0,
                },
                "augment": IMAGENET_AUGMENT,
            },
            not_here=(
                "NSGA-II for accuracy, FLOPs and parameters: SPOS' evolution for accuracy here",
                "statistics of batch normalisation for each genotype",
            ),
        ),
    }  # fmt: skip

    @override
    def select(self, step: int) -> list[Selection]:
        """The first part of each layer; the others follow in ``after_backward``."""
        self._parts = self._cut()
        return self._parts[0]

    def _cut(self) -> list[list[Selection]]:
        """Selections of the passes of one update."""
        passes = max(-(-len(layer.candidates) // layer.most) for layer in self.space)
        cuts = [list(islice(_parts(len(layer.candidates), layer.most), passes)) for layer in self.space]
        return [[Selection(cut[n]) for cut in cuts] for n in range(passes)]

    @override
    def after_backward(self, step: Step) -> None:
        """Adds the gradients of the other parts."""
        for selections in self._parts[1:]:
            step.backward(step.loss(step.train, selections))


def _parts(candidates: int, size: int) -> Iterator[tuple[int, ...]]:
    """Candidates without repetition, ``size`` at a time; when there are none left, all of them in another order."""
    while True:
        for part in torch.randperm(candidates).split(size):
            yield tuple(sorted(part.tolist()))
