"""How the kept directions come out of a trained supernet: by score, by perturbation, or by judging genotypes.

- ``magnitude``: the best scores that the space allows (DARTS).
- ``perturbation`` (DARTS-PT, Wang et al., arXiv 2108.04392, algorithm 1): layer by layer, in a random order, the direction
  goes that the supernet misses least, by its loss or its accuracy, until as many are left as the layer keeps. Between two layers
  the search goes on for a while with what is left: weights, alpha and all.
- ``one_shot``: some genotypes, drawn in proportion to the scores, and the best by score, are judged with the supernet's
  weights; the most accurate wins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.runs.restore import check_keys, check_tensor
from scansearch.space import BoundSpace, Choice
from scansearch.space.bound_space import Threshold
from scansearch.strategy.gradient.subsets import gumbel_noise
from scansearch.strategy.hooks import Judge
from scansearch.strategy.judged_genotypes import Judged, choice_of

Derived = Callable[[Choice], list[Selection]]
SPREAD = 1e-12


class Figures(NamedTuple):
    """What the supernet is worth on the validation images: accuracy in [0, 1], and the mean cross-entropy with its sign changed."""

    accuracy: float
    gain: float


class Derivation:
    """Selects in the end; after an interruption it runs again from its seed and meets the accuracies it knows.

    Args:
        how: ``"magnitude"``, ``"perturbation"`` or ``"one_shot"``.
        by: What tells ``"perturbation"`` how much is missed; of equals, the other one.
        count: Genotypes to judge by ``one_shot``.
        space: What the layers choose from.
        seed: Seed of the run.
        tuning: Updates of the weights between the decisions of two layers, by ``"perturbation"``.
    """

    def __init__(
        self,
        how: str,
        count: int,
        space: BoundSpace,
        seed: int,
        tuning: int = 0,
        by: Literal["loss", "accuracy"] = "loss",
    ) -> None:
        self.how, self.count, self.space, self.seed, self.tuning, self.by = how, count, space, seed, tuning, by
        self.chosen: Choice | None = None
        self.memory = Judged(space, allowed=how == "one_shot")
        self.measured: dict[tuple[int, Choice], Figures] = {}  # by layers decided before, and what is left

    @property
    def tunings(self) -> int:
        """How many updates of the weights it takes."""
        deciding = sum(len(layer.candidates) > layer.least for layer in self.space)
        return self.tuning * max(0, deciding - 1) if self.how == "perturbation" else 0

    @property
    def judgements(self) -> int:
        """How many evaluations it takes at most."""
        if self.how == "one_shot":
            return self.count
        if self.how == "magnitude":
            return 0
        return sum(sum(range(layer.least, len(layer.candidates) + 1)) for layer in self.space)

    def run(
        self,
        among: Choice,
        scores: Callable[[], Sequence[torch.Tensor]],
        derived: Derived,
        evaluate: Judge,
        threshold: Threshold = None,
        narrow: Callable[[Choice], None] = lambda left: None,
    ) -> None:
        """Selects.

        Args:
            among: The candidates that each layer chooses from.
            scores: Gives those of each layer's candidates as they are now.
            derived: The selections under which candidates are judged.
            evaluate: Loss and accuracy under selections; and fine-tuning.
            threshold: Score above which layers keep more than the least number, as ``BoundSpace.best`` takes it.
            narrow: Is told what is left whenever the search goes on.
        """
        if self.how == "magnitude":
            return

        def judge(choice: Choice, decided: int = 0) -> Figures:
            if (decided, choice) not in self.measured:
                found = evaluate.measure(derived(choice))
                self.measured[decided, choice] = Figures(found.worth, -found.loss)
            return self.measured[decided, choice]

        def tune(left: Choice) -> None:
            narrow(left)
            if self.tuning:
                evaluate.tune(self.tuning)

        generator = torch.Generator().manual_seed(self.seed + 2)
        if self.how == "one_shot":
            self.chosen = self._one_shot(among, scores(), judge, generator, threshold)
        else:
            self.chosen = self._perturbation(among, scores, judge, tune, generator)

    def _one_shot(
        self,
        among: Choice,
        scores: Sequence[torch.Tensor],
        judge: Callable[[Choice], Figures],
        generator: torch.Generator,
        threshold: Threshold,
    ) -> Choice:
        best = [self.space.best(scores, threshold=threshold, among=among)]
        if threshold is None:
            threshold = [float(s.mean()) for s in scores]
        limits = threshold if isinstance(threshold, Sequence) else [threshold] * len(scores)
        for _ in range(self.count - 1):
            # Gumbel's trick: the best by perturbed log-scores is a draw without replacement in proportion to the scores.
            noisy = [
                torch.log(s.clamp_min(SPREAD) / limit) + gumbel_noise(s.shape, generator)
                for s, limit in zip(scores, limits, strict=True)
            ]
            best.append(self.space.best(noisy, threshold=0.0, among=among))
        return max(dict.fromkeys(best), key=lambda choice: judge(choice).accuracy)

    def _perturbation(
        self,
        among: Choice,
        scores: Callable[[], Sequence[torch.Tensor]],
        judge: Callable[[Choice, int], Figures],
        tune: Callable[[Choice], None],
        generator: torch.Generator,
    ) -> Choice:
        left = list(among)
        order = torch.randperm(len(left), generator=generator).tolist()
        for decided, number in enumerate(i for i in order if len(left[i]) > self.space[i].least):
            if decided:
                tune(tuple(left))
            layer = self.space[number]
            while len(left[number]) > layer.least:
                # A direction stays where without it nothing would satisfy the constraints and the budget.
                trials = {gone: _without(left, number, gone) for gone in left[number]}
                free = [gone for gone, rest in trials.items() if self._possible(rest)]
                if not free:
                    break
                worth = {gone: self._worth(judge(trials[gone], decided)) for gone in free}
                least_missed = max(free, key=worth.__getitem__)
                enough = len(left[number]) <= layer.most and layer.allows(left[number])
                if enough and worth[least_missed][0] < self._worth(judge(tuple(left), decided))[0]:
                    break
                left[number] = trials[least_missed][number]
        return tuple(left) if self.space.allows(tuple(left)) else self._best_within(left, scores())

    def _worth(self, figures: Figures) -> tuple[float, float]:
        """To be compared: by what was asked for, of equals by the other. Of alpha it knows nothing, which tuning moves."""
        return (figures.accuracy, figures.gain) if self.by == "accuracy" else (figures.gain, figures.accuracy)

    def _possible(self, left: Sequence[tuple[int, ...]]) -> bool:
        found = self._best_within(left, [torch.zeros(len(layer.candidates)) for layer in self.space])
        return all(set(kept) <= set(there) for kept, there in zip(found, left, strict=True))

    def _best_within(self, left: Sequence[tuple[int, ...]], scores: Sequence[torch.Tensor]) -> Choice:
        """The best genotype of what is left, as much of it as it may keep."""
        low = min(float(values.min()) for values in scores)
        return self.space.best(scores, threshold=low - 1.0, among=tuple(left))

    def judged_genotypes(self) -> dict[Choice, float]:
        """Accuracies of whole genotypes; what perturbation asks about is none of them."""
        if self.how != "one_shot":
            return {}
        return {choice: figures.accuracy for (_, choice), figures in self.measured.items()}

    def state_dict(self) -> dict[str, Any]:
        """The figures so far: each pair cost a pass over validation images."""
        decided = torch.tensor([decided for decided, _ in self.measured], dtype=torch.int64)
        figures = list(self.measured.values())
        judged = self.memory.state_of((choice for _, choice in self.measured), (each.accuracy for each in figures))
        gains = torch.tensor([each.gain for each in figures], dtype=torch.float64)
        return {"chosen": self.chosen, "decided": decided, "judged": judged, "gains": gains}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes them back.

        Raises:
            ValueError: If they are not figures of what the layers choose from.
        """
        check_keys(state, ["chosen", "decided", "judged", "gains"], "the selection")
        chosen = state["chosen"]
        self.chosen = None if chosen is None else choice_of(chosen, self.space, "the chosen genotype")
        pairs = self.memory.restored_pairs(state["judged"], "the selection")
        like = torch.empty(len(pairs), dtype=torch.int64)
        decided = check_tensor(state["decided"], like, "layers decided in the selection").tolist()
        if not all(0 <= number <= len(self.space) for number in decided):
            raise ValueError(f"the selection has decided between 0 and {len(self.space)} layers, but not in its state")
        gains = check_tensor(state["gains"], torch.empty(len(pairs), dtype=torch.float64), "losses of the selection")
        self.measured = {
            (number, left): Figures(accuracy, gain)
            for number, (left, accuracy), gain in zip(decided, pairs, gains.tolist(), strict=True)
        }


def _without(left: Sequence[tuple[int, ...]], number: int, gone: int) -> Choice:
    rest = tuple(i for i in left[number] if i != gone)
    return (*left[:number], rest, *left[number + 1 :])
