"""DARTS: a softmax over the candidates of each layer, of which the largest are kept.

Levels:

- ``joint``: alpha and the weights learn from the same batches with the same gradient, as in LocalMamba
  (arXiv 2403.09338, section 4.3). Not the bilevel search of the DARTS paper.
- ``bilevel``: first-order DARTS (Liu et al., arXiv 1806.09055, eq. 6): alpha learns from held-out training data.
- ``unrolled``: second-order DARTS (eqs. 7 and 8): alpha's gradient is taken after a virtual step of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from scansearch.models import Selection
from scansearch.strategy.gradient import GradientSettings, GradientStrategy

if TYPE_CHECKING:
    import torch


class Darts(GradientStrategy):
    """Softmax relaxation over the candidates of each layer; keeps the k largest probabilities."""

    description = "softmax over all candidates, keep the k largest (LocalMamba's; joint, bilevel or unrolled)"
    when = "the default; up to some dozen directions, and wherever the paper is compared with"
    Settings = GradientSettings
    presets: ClassVar[dict[str, dict[str, dict[str, Any]]]] = {
        "paper": {  # LocalMamba's search recipe, for long runs
            "train": {
                "epochs": 100, "lr": 1e-3, "warmup_epochs": 20, "weight_decay": 0.04,
                "clip_norm": 0.0, "batch_size": 1024,
            },
            "strategy": {"level": "joint", "alpha_lr": 1e-3, "alpha_weight_decay": 0.04},
        },
        "darts": {  # Liu et al., for long runs
            "train": {
                "epochs": 50, "batch_size": 64, "optimizer": "sgd", "lr": 0.025, "min_lr": 0.001, "warmup_epochs": 0,
                "weight_decay": 3e-4, "clip_norm": 5.0, "label_smoothing": 0.0,
            },
            "strategy": {"level": "bilevel", "alpha_lr": 3e-4, "alpha_weight_decay": 1e-3},
        },
    }  # fmt: skip

    @override
    def mixture(self, alphas: Sequence[torch.Tensor], step: int) -> list[Selection]:
        """Every candidate, weighted by the softmax of alpha."""
        return [Selection(tuple(range(len(alpha))), alpha.softmax(0)) for alpha in alphas]
