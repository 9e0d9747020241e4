"""A published search as settings."""

from __future__ import annotations

from typing import Any, NamedTuple


class Preset(NamedTuple):
    """A named recipe of a strategy, and what of it settings cannot say.

    Args:
        settings: By section: ``{"train": {"epochs": 50}, "strategy": {"level": "bilevel"}}``.
        source: The paper, and where its figures were read; one line.
        not_here: What that search does and this program does not, or does otherwise, a few words each; told when it is chosen.
    """

    settings: dict[str, dict[str, Any]]
    source: str = ""
    not_here: tuple[str, ...] = ()

    def notes(self, name: str, kind: str = "preset") -> list[str]:
        """What the user of the preset of this name should know."""
        return [f"{kind} {name} leaves out or does otherwise: {'; '.join(self.not_here)}"] if self.not_here else []


CIFAR_TRAIN = {
    "optimizer": "sgd", "lr": 0.025, "min_lr": 0.001, "warmup_epochs": 0, "decay_by": "epoch", "momentum": 0.9, "weight_decay": 3e-4,
    "clip_norm": 5.0, "label_smoothing": 0.0,
}  # fmt: skip
"""How the weights learn in the code of DARTS (Liu et al., arXiv 1806.09055), from which other searches on CIFAR-10 come."""
CIFAR_AUGMENT = {"shift": 0.125, "flip": 0.5}
"""And its augmentation: a crop of 32 pixels after a border of 4, mirrored in half of the cases."""
CIFAR_NOT_HERE = (
    "a crop's border is black there, the edge again here",
    "weight decay of biases and norms",
)
IMAGENET_AUGMENT = {"crop_min": 0.08, "shift": 0.0, "flip": 0.5}
"""Random resized crops, as searches on ImageNet have them."""
