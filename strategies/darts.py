"""DARTS: a softmax over the candidates of each layer, of which the largest are kept.

Levels:

- ``joint``: alpha and the weights learn from the same batches with the same gradient, as in LocalMamba
  (arXiv 2403.09338, section 4.3). Not the bilevel search of the DARTS paper.
- ``bilevel``: first-order DARTS (Liu et al., arXiv 1806.09055, eq. 6): alpha learns from held-out training data.
- ``unrolled``: second-order DARTS (eqs. 7 and 8): alpha's gradient is taken after a virtual step of the weights.

Alpha stands still for the first 30 % of a search, as in PC-DARTS: weights that have hardly learnt say little about a direction, and what
alpha prefers early it keeps (docs/evidence.md has both). The papers' presets leave that out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field
from typing_extensions import override

from scansearch.models import Selection
from scansearch.strategy.gradient import ALPHA_WARMUP, GradientSettings, GradientStrategy
from scansearch.strategy.preset import CIFAR_AUGMENT, CIFAR_NOT_HERE, CIFAR_TRAIN, Preset

if TYPE_CHECKING:
    import torch


class DartsSettings(GradientSettings):
    """Settings of DARTS."""

    alpha_warmup: float = Field(0.3, ge=0, lt=1, description=ALPHA_WARMUP)


class Darts(GradientStrategy):
    """Softmax relaxation over the candidates of each layer; keeps the k largest probabilities."""

    description = "softmax over all candidates, keep the k largest (LocalMamba's; joint, bilevel or unrolled)"
    when = "the default; found most for its time (docs/evidence.md); up to some dozen directions"
    Settings = DartsSettings
    presets: ClassVar[dict[str, Preset]] = {
        "paper": Preset(
            source="LocalMamba, arXiv 2403.09338, and classification/configs/strategies/local_mamba/config.yaml of its code",
            settings={
                "machine": {"precision": "32"},
                "train": {
                    "epochs": 100, "batch_size": 1024, "optimizer": "adamw", "lr": 1e-3, "min_lr": 1e-6, "warmup_epochs": 20,
                    "warmup_by": "epoch", "weight_decay": 0.04, "clip_norm": 0.0, "label_smoothing": 0.1,
                },
                "augment": {  # jitter of 0.3 is in its file, but where RandAugment is on, the code leaves it out
                    "crop_min": 0.08, "shift": 0.0, "flip": 0.5, "jitter": 0.0, "brightness": 0.0, "contrast": 0.0,
                    "rand_augment": 9, "rand_augment_std": 0.5, "rand_augment_count": 2, "rand_augment_form": "localmamba",
                    "erase": 0.25, "erase_min": 0.02, "erase_max": 1 / 3, "erase_fill": "noise",
                    "mixup": 0.2, "cutmix": 1.0, "mix_probability": 1.0, "cutmix_share": 0.5, "mix_together": 128,
                },
                "model": {"drop_path": 0.1, "init": "released", "decay_positions": False},
                "strategy": {"level": "joint", "alpha_lr": 1e-3, "alpha_weight_decay": 0.04, "alpha_warmup": 0.0},
            },
            not_here=(
                "ImageNet at 224 pixels and the model local_vim_search: --data, image_size and --model say what is searched",
                "drop path, initialisation and decay are LocalVim's, other models keep theirs",
                "crops of other sets than imagenet, webdataset and hf are cut from images of the final size, there from the files",
                "cutmix's rectangle lies within the image, there it may reach over the edge",
                "RandAugment's grid distortion, which there begins above magnitude 10",
                "validation of other sets than these on whole images, there without a margin of an eighth",
            ),
        ),
        "darts": Preset(
            source="Liu et al., arXiv 1806.09055, and train_search.py of their code: first order, on CIFAR-10",
            settings={
                "train": {**CIFAR_TRAIN, "epochs": 50, "batch_size": 64},
                "augment": CIFAR_AUGMENT,
                "strategy": {
                    "level": "bilevel", "alpha_lr": 3e-4, "alpha_weight_decay": 1e-3, "alpha_warmup": 0.0, "held_out": 0.5,
                },
            },
            not_here=CIFAR_NOT_HERE,
        ),
    }  # fmt: skip

    @override
    def mixture(self, alphas: Sequence[torch.Tensor], step: int) -> list[Selection]:
        """Every candidate, weighted by the softmax of alpha."""
        return [Selection(tuple(range(len(alpha))), alpha.softmax(0)) for alpha in alphas]
