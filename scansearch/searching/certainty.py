"""Whether a search has decided: entropy, margins, and whether a choice has settled. How sure it is, only other searches tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from scansearch.runs.restore import a_list, check_keys, check_tensor

MIN_EPOCHS = 3
SAFETY = 2.0


def entropy(scores: torch.Tensor) -> float:
    """Entropy of probabilities (N,) in nats, divided by log N: 1 is uniform, 0 is decided. NaN if they are none."""
    total = float(scores.sum())
    if len(scores) < 2 or bool((scores < 0).any()) or abs(total - 1) > 1e-6:
        return 0.0 if len(scores) < 2 else float("nan")
    return float(torch.special.entr(scores.double()).sum() / torch.log(torch.tensor(float(len(scores)))))


def margin(scores: torch.Tensor, kept: Sequence[int]) -> float:
    """Smallest score kept minus largest left out; infinite if nothing is left out."""
    mask = torch.zeros(len(scores), dtype=torch.bool)
    mask[list(kept)] = True
    return float("inf") if bool(mask.all()) else float(scores[mask].min() - scores[~mask].max())


@dataclass
class History:
    """The scores of every layer, epoch by epoch; entry 0 is before the first step.

    A layer's choice has *settled* if its margin is more than twice both the standard deviation of the margin's
    epoch-to-epoch changes over the second half of the search (about their mean, so that a steady trend does not count, and divided
    by sqrt 2: the spread of one margin, not of a difference) and the spread of the scores that the initialisation alone produced.
    """

    scores: list[list[list[float]]] = field(default_factory=list)
    kept: list[list[list[int]]] = field(default_factory=list)

    def add(self, scores: Sequence[torch.Tensor], kept: Sequence[tuple[int, ...]]) -> None:
        """Appends one epoch."""
        self.scores.append([s.tolist() for s in scores])
        self.kept.append([list(k) for k in kept])

    def changes(self, layer: int) -> int:
        """Directions that came into the layer's choice with the last epoch."""
        if len(self.kept) < 2:
            return 0
        return len(set(self.kept[-1][layer]) - set(self.kept[-2][layer]))

    def noise(self, layer: int, kept: Sequence[int]) -> float | None:
        """What the margin of ``kept`` must exceed; ``None`` if the search was too short to tell."""
        series = [margin(torch.tensor(epoch[layer], dtype=torch.float64), kept) for epoch in self.scores]
        if len(series) - 1 < MIN_EPOCHS or series[-1] == float("inf"):
            return None
        window = torch.tensor(series[-max(MIN_EPOCHS, len(series) // 2) :], dtype=torch.float64)
        fluctuation = float(window.diff().std() / 2**0.5)
        initial = float(torch.tensor(self.scores[0][layer], dtype=torch.float64).std())
        return SAFETY * max(fluctuation, initial)

    def state_dict(self) -> dict[str, list[torch.Tensor]]:
        """The whole history: of every layer the scores, float64 (epochs + 1, N), and what was kept, bool (epochs + 1, N)."""
        scores = [torch.tensor(layer, dtype=torch.float64) for layer in zip(*self.scores, strict=True)]
        kept = [torch.zeros(layer.shape, dtype=torch.bool) for layer in scores]
        for epoch, layers in enumerate(self.kept):
            for mask, indices in zip(kept, layers, strict=True):
                mask[epoch, list(indices)] = True
        return {"scores": scores, "kept": kept}

    def load_state_dict(self, state: dict[str, list[torch.Tensor]], epochs: int) -> None:
        """Takes it back.

        Args:
            state: What ``state_dict`` gave after ``epochs`` epochs.
            epochs: How many there must be.

        Raises:
            ValueError: If the state is that of other layers, or of another number of epochs.
        """
        check_keys(state, ["scores", "kept"], "the history")
        for name, dtype in (("scores", torch.float64), ("kept", torch.bool)):
            layers = a_list(state[name], f"the history's {name}", len(self.scores[0]))
            for number, (found, first) in enumerate(zip(layers, self.scores[0], strict=True)):
                like = torch.empty(epochs + 1, len(first), dtype=dtype)
                check_tensor(found, like, f"the history's {name} of layer {number}")
        rows = range(epochs + 1)
        self.scores = [[layer[n].tolist() for layer in state["scores"]] for n in rows]
        self.kept = [[layer[n].nonzero().flatten().tolist() for layer in state["kept"]] for n in rows]
