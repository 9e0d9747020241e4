"""What judged genotypes tell of each direction, if what a genotype is worth is a sum of what its directions gain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scansearch.lazy import torch
from scansearch.space import BoundSpace, Choice

if TYPE_CHECKING:
    import numpy as np

    from scansearch.strategy.black_box.posterior import Posterior


class Additive:
    """The additive model of a space: accuracy = b0 + the gains of the directions that each layer keeps + noise.

    Args:
        space: Whose directions gain.
    """

    def __init__(self, space: BoundSpace) -> None:
        self.space = space
        self._encoded: dict[Choice, np.ndarray] = {}  # every posterior needs all of them

    @property
    def unknowns(self) -> int:
        """How many gains are to be learnt."""
        return sum(len(layer.candidates) - 1 for layer in self.space)

    def posterior(self, judged: Mapping[Choice, float]) -> Posterior:
        """Of the gains, given accuracies of genotypes."""
        import numpy as np

        from scansearch.strategy.black_box.posterior import Posterior

        for choice in judged.keys() - self._encoded.keys():
            self._encoded[choice] = self.space.encode(choice)
        kept = torch.from_numpy(np.stack([self._encoded[choice] for choice in judged]))
        return Posterior(kept, torch.tensor(list(judged.values()), dtype=torch.float64))

    def layers(self, values: torch.Tensor) -> list[torch.Tensor]:
        """Numbers of all directions, layer by layer."""
        return list(values.split([len(layer.candidates) for layer in self.space]))

    def best(self, gains: torch.Tensor) -> Choice:
        """Of the largest sum of gains; a direction that a layer need not keep must add something."""
        return self.space.best(self.layers(gains), threshold=0.0)
