"""Regularisers that work with every gradient strategy.

- SDARTS (Chen & Hsieh, arXiv 2002.05283, eqs. 5 to 7): the weights learn under branch weights that are perturbed by at most
  epsilon, at random or by seven steps of projected gradient ascent; epsilon grows linearly. They stay within [0, 1]; the
  published code also scales them to the sum 1, which is left out here: sigmoid's gates have none.
- Entropy of the scores in alpha's loss: less of it decides earlier.
- DARTS- (Chu et al., arXiv 2009.01027, section 3.3): a shortcut around the mixture whose weight falls linearly to 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.strategy.gradient.gradient_settings import GradientSettings
from scansearch.strategy.gradient.random_state import RandomState
from scansearch.strategy.step import Plan, Step

ATTACKS = 7
STRIDE = 2.0
"""Step of the ascent, in units of epsilon / ATTACKS."""


class Regulariser:
    """Changes what the weights learn from, and adds to what alpha learns from.

    Args:
        settings: Which ones, and how strong.
        plan: How long the search is.
    """

    def __init__(self, settings: GradientSettings, plan: Plan) -> None:
        self.settings, self.plan = settings, plan
        self.worst: list[torch.Tensor] | None = None

    def _progress(self, step: int) -> float:
        return min(1.0, step / max(1, self.plan.steps - 1))

    def _epsilon(self, step: int) -> float:
        low, high = self.settings.perturb_from, self.settings.perturb_to
        return low + (high - low) * self._progress(step)

    def before(self, step: Step, mixture: Callable[[], Sequence[Selection]]) -> None:
        """Finds the worst perturbation for the batch that the weights are about to learn from."""
        self.worst = None
        if self.settings.perturb != "adversarial":
            return
        epsilon, random_state = self._epsilon(step.number), RandomState()
        with torch.no_grad():
            base = self.with_shortcut(mixture(), step.number)
        shifts = [_uniform(weights_of(selection), epsilon) for selection in base]
        for _ in range(ATTACKS):
            # The slope at the weights that are used: behind their limits it is not 0, so that one at a limit can return.
            used = [weights_of(_shifted(s, shift)).requires_grad_() for s, shift in zip(base, shifts, strict=True)]
            attacked = [s._replace(weights=weights) for s, weights in zip(base, used, strict=True)]
            found = step.mean(torch.autograd.grad(step.raw_loss(step.train, attacked), used))
            stride = STRIDE * epsilon / ATTACKS
            shifts = [
                (weights.detach() - weights_of(s) + stride * gradient.sign()).clamp(-epsilon, epsilon)
                for s, weights, gradient in zip(base, used, found, strict=True)
            ]
        self.worst = shifts
        random_state.restore()  # the weights learn from the same draw as was attacked

    def apply(self, selections: Sequence[Selection], step: int) -> list[Selection]:
        """The selections as the weights learn from them."""
        shifted = list(selections)
        if self.settings.perturb == "random":
            epsilon = self._epsilon(step)
            shifted = [_shifted(s, _uniform(weights_of(s), epsilon)) for s in shifted]
        elif self.settings.perturb == "adversarial" and self.worst is not None:
            shifted = [_shifted(s, shift) for s, shift in zip(shifted, self.worst, strict=True)]
        return self.with_shortcut(shifted, step)

    def with_shortcut(self, selections: Sequence[Selection], step: int) -> list[Selection]:
        """The selections with the shortcut of DARTS-."""
        beta = self.settings.shortcut * (1 - self._progress(step))
        return [selection._replace(shortcut=beta) for selection in selections] if beta else list(selections)

    def penalty(self, scores: Sequence[torch.Tensor]) -> torch.Tensor | None:
        """The weighted mean entropy of the layers' scores, in nats."""
        if not self.settings.entropy:
            return None
        shares = [score[score > 0] / score.sum() for score in scores]  # the slope of entr is infinite at 0
        return self.settings.entropy * torch.stack([torch.special.entr(share).sum() for share in shares]).mean()


def weights_of(selection: Selection) -> torch.Tensor:
    """The branch weights (k,) of a selection of a gradient strategy."""
    assert selection.weights is not None
    return selection.weights


def _uniform(like: torch.Tensor, epsilon: float) -> torch.Tensor:
    return torch.empty_like(like).uniform_(-epsilon, epsilon)


def _shifted(selection: Selection, shift: torch.Tensor) -> Selection:
    """Perturbed branch weights; like probabilities, they stay in [0, 1]."""
    return selection._replace(weights=(weights_of(selection) + shift).clamp(0.0, 1.0))
