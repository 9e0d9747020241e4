"""Binary gates (ProxylessNAS, Cai et al., arXiv 1812.00332, section 3.2), k of N.

The weights learn under k open gates: the subset S is drawn by P(S) ~ exp(sum of alpha over S), |S| = k, and its branches are weighted
by 1/k. Every few steps alpha learns from held-out data by the gradients of the loss in the gates g, which are 1 or 0:

- ``paths=full``: all N branches run in this step, those whose gate is closed with weight 0, and

      dL/dalpha_i = sum_j dL/dg_j Cov(1_i, 1_j)

  since d E[g_j] / d alpha_i is that covariance of P. At k = 1 it is p_j (delta_ij - p_i), and this is eq. 4.
- ``paths=two``: k + 1 branches run. One of the open directions, each as likely, and one of the closed ones, drawn in proportion to
  exp(alpha), are rivals i and j for one place. Given the k - 1 others, and that one of the two is open, P opens i with the
  probability q_i = exp(alpha_i) / (exp(alpha_i) + exp(alpha_j)), whatever k: what is left is a choice of one of two, and for it
  the published rule. Which of them is open is drawn again by q, and

      dL/dalpha_i = q_i q_j (dL/dg_i - dL/dg_j) = -dL/dalpha_j

  Then both are shifted so that exp(alpha_i) + exp(alpha_j) stays. So, among all subsets without both of them, neither the
  probability of each set of others changes, nor that one of the two is open; at k = 1 these are all subsets.

Published: alpha by Adam with rate 1e-3, no momentum (beta1 = 0) and no decay, every 5 steps, after a warm-up of 40 of 160
epochs. A draw has as many directions as the layer keeps at most. It ignores constraints and the budget, which the choice in the
end respects.

Which branches run must be known on the host. For that alpha is copied there when it has moved; and when it moves, the gradients of
the gates are, for which the next draw would have to wait anyway. Nothing else waits for the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field
from typing_extensions import override

from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.runs.limits import MOST_STEPS
from scansearch.space import Choice
from scansearch.strategy import Step
from scansearch.strategy.gradient import ALPHA_WARMUP, GradientSettings, GradientStrategy, Recipe
from scansearch.strategy.gradient.subsets import LayerSubsets, gumbel_noise, on_host
from scansearch.strategy.preset import IMAGENET_AUGMENT, Preset

PROXYLESS = Recipe(1e-3, 0.0, (0.0, 0.999), 120 * 961)
"""ImageNet without its held-out 50,000 images, batch 256, alpha every 5 steps of 120 epochs."""


class Paths(NamedTuple):
    """What runs in a layer when alpha learns.

    Args:
        runs: The directions that run, ascending.
        opened: Those of them whose gate is open, k.
        rivals: Those whose alpha may move; empty: all.
        jacobian: Of the probabilities of the gates of ``runs`` in alpha, (N, runs); float64 on the CPU.
    """

    runs: tuple[int, ...]
    opened: tuple[int, ...]
    rivals: tuple[int, ...]
    jacobian: torch.Tensor


class Known(NamedTuple):
    """What the host knows of alpha: its values by layer, (N,) each, and the subsets by them; of which versions of alpha."""

    versions: tuple[Choice | None, list[tuple[int, int]]]
    values: list[torch.Tensor]
    subsets: LayerSubsets


class BinaryGatesSettings(GradientSettings):
    """Settings of binary gates."""

    level: Literal["joint", "bilevel"] = Field(
        "bilevel", description="Alpha learns from held-out data (bilevel) or from the training batch (joint)."
    )
    paths: Literal["full", "two"] = Field(
        "two",
        description="What runs when alpha learns. full: all branches; two: k + 1, as two directions compete for one place, which is "
        "cheaper and rougher.",
    )
    alpha_every: int = Field(5, ge=1, le=MOST_STEPS, description="Steps between updates of alpha.")
    alpha_warmup: float = Field(0.25, ge=0, lt=1, description=ALPHA_WARMUP)


class BinaryGates(GradientStrategy):
    """Runs k drawn branches; alpha learns by the gradients of gates."""

    description = (
        "k drawn branches, alpha from the gradients of their gates by how these vary together (ProxylessNAS); k/N of the cost of a "
        "mixture"
    )
    when = "many directions and long runs: alpha learns slowly, but a step is cheap"
    Settings = BinaryGatesSettings
    settings: BinaryGatesSettings
    draws: ClassVar[bool] = True
    recipes: ClassVar[dict[str, Recipe]] = {"joint": PROXYLESS, "bilevel": PROXYLESS}
    presets: ClassVar[dict[str, Preset]] = {
        "proxylessnas": Preset(
            source="Cai et al., arXiv 1812.00332, and imagenet_arch_search.py of their code: 50,000 images for alpha",
            settings={
                "train": {
                    "epochs": 160, "batch_size": 256, "optimizer": "sgd", "lr": 0.025, "min_lr": 0.0, "warmup_epochs": 0,
                    "momentum": 0.9, "weight_decay": 4e-5, "clip_norm": 0.0, "label_smoothing": 0.1,
                },
                "augment": IMAGENET_AUGMENT,
                "strategy": {
                    "level": "bilevel", "alpha_lr": 1e-3, "alpha_weight_decay": 0.0, "alpha_warmup": 0.25, "alpha_every": 5,
                    "paths": "two", "held_out": 0.039,
                },
            },
            not_here=(
                "Nesterov momentum", "a cosine of its own, from 0.05, for the 40 epochs before alpha learns",
                "all branches run when alpha learns, by default of their code; two rivals here, as in the paper: paths=full is that",
                "alpha's loss without label smoothing", "latency in alpha's loss: give the space a budget",
                "weight decay of biases and norms", "jitter of brightness and saturation",
            ),
        ),
    }  # fmt: skip

    def __init__(self, settings: BinaryGatesSettings) -> None:
        super().__init__(settings)
        self._host: Known | None = None

    @override
    def moves(self, step: int) -> bool:
        return super().moves(step) and step % self.settings.alpha_every == 0

    @override
    def mixture(self, alphas: Sequence[torch.Tensor], step: int) -> list[Selection]:
        """A draw, equally weighted; no gradient reaches alpha through it."""
        return self.derived(self._known(alphas).subsets.draw())

    def _known(self, alphas: Sequence[torch.Tensor]) -> Known:
        """Alpha on the host, copied again when it has changed."""
        versions = self.narrowed, [(p.data_ptr(), p._version) for p in self.supernet.architecture_parameters()]
        if self._host is None or self._host.versions != versions:
            values = on_host(alphas)
            self._host = Known(versions, values, LayerSubsets(values, [layer.most for layer in self.space]))
        return self._host

    @override
    def before_weights(self, step: Step) -> None:
        """One step of alpha, by the gradients of the gates."""
        if self.moves(step.number):
            self._learn(step)

    @override
    def after_backward(self, step: Step) -> None:
        """Nothing: alpha learns before the weights, at every level."""
        self.optimizer.zero_grad()

    def _learn(self, step: Step) -> None:
        paths = self._paths()
        found = self._slopes(step, paths)
        for parameter, path, slopes in zip(self.supernet.architecture_parameters(), paths, found, strict=True):
            parameter.grad = (path.jacobian @ slopes).to(parameter).view_as(parameter)
        self._penalise()
        before = [alpha.detach().flatten().clone() for alpha in self.supernet.architecture_parameters()]
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.settings.paths == "two":
            self._restore_others(before, paths)

    def _paths(self) -> list[Paths]:
        _, values, subsets = self._known(self.alphas())
        opened = subsets.draw()
        if self.settings.paths == "two":
            return [_two(alpha, chosen) for alpha, chosen in zip(values, opened, strict=True)]
        covariances = subsets.covariances()
        return [Paths(tuple(range(len(c))), chosen, (), c) for chosen, c in zip(opened, covariances, strict=True)]

    def _slopes(self, step: Step, paths: Sequence[Paths]) -> list[torch.Tensor]:
        """Gradients of the loss in the gates of the branches that run, (k + 1,) or (N,) each, float64 on the CPU."""
        sizes = [len(path.runs) for path in paths]
        gates = torch.tensor([float(i in path.opened) for path in paths for i in path.runs])
        gates = gates.to(self.alphas()[0].device).requires_grad_()
        selections = [
            Selection(path.runs, gate / len(path.opened)) for path, gate in zip(paths, gates.split(sizes), strict=True)
        ]
        batch = step.train if self.settings.level == "joint" or step.held_out is None else step.held_out
        loss = step.raw_loss(batch, self.regulariser.with_shortcut(selections, step.number))
        (slopes,) = step.mean(torch.autograd.grad(loss, [gates]))
        return list(slopes.cpu().double().split(sizes))

    def _restore_others(self, before: Sequence[torch.Tensor], paths: Sequence[Paths]) -> None:
        """Only the rivals move, and together they keep their share: both shift by log(sum e^old / sum e^new)."""
        with torch.no_grad():
            for parameter, old, path in zip(self.supernet.architecture_parameters(), before, paths, strict=True):
                names, new = torch.tensor(path.rivals, dtype=torch.int64), old.clone()
                moved = parameter.flatten()[names]
                new[names] = moved + torch.logsumexp(old[names], 0) - torch.logsumexp(moved, 0)
                parameter.copy_(new.view_as(parameter))


def _two(alpha: torch.Tensor, opened: tuple[int, ...]) -> Paths:
    """Draws an open and a closed direction as rivals, and which of them is open; none, if all are open."""
    outside = [i for i in range(len(alpha)) if i not in opened]
    if not outside:
        return Paths(opened, opened, (), alpha.new_zeros(len(alpha), len(opened)))
    values, noise = alpha.tolist(), gumbel_noise((len(alpha) + 2,)).tolist()
    inner, outer = max(opened, key=lambda i: noise[i]), max(outside, key=lambda i: values[i] + noise[i])
    wins = values[inner] + noise[-2] > values[outer] + noise[-1]
    return _rivalry(values, opened, inner, outer, outer if wins else inner)


def _rivalry(alpha: Sequence[float], opened: tuple[int, ...], inner: int, outer: int, closed: int) -> Paths:
    """What runs where ``inner``, which is open, and ``outer`` are rivals, and one of them is ``closed`` in the end."""
    runs = tuple(sorted((*opened, outer)))
    odds = math.exp(-abs(alpha[inner] - alpha[outer]))
    jacobian = torch.zeros(len(alpha), len(runs), dtype=torch.float64)
    for row in (inner, outer):
        for column in (inner, outer):
            jacobian[row, runs.index(column)] = (1.0 if row == column else -1.0) * odds / (1.0 + odds) ** 2
    return Paths(runs, tuple(i for i in runs if i != closed), (inner, outer), jacobian)
