"""What predictions on the pixels of test images are worth, from sums: there may be too many pixels to keep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch.nn import functional as F

from scansearch.data.dense import IGNORED
from scansearch.retraining.predictions import BINS, interval_of
from scansearch.runs.evaluation_json import Bin, ClassScore
from scansearch.training.overlap import ious, mean_iou, pixel_counts


@dataclass(frozen=True)
class PixelPredictions:
    """Sums over the pixels that are not ignored, on the CPU.

    Args:
        counts: Pixels of class i that are taken for class j, int64 (classes, classes).
        binned: Of each interval of the largest probability its pixels, the sum of that probability, and the pixels that are right,
            float64 (bins, 3).
        total_loss: Sum of the cross-entropies.
    """

    counts: torch.Tensor
    binned: torch.Tensor
    total_loss: float

    @classmethod
    def of(cls, logits: torch.Tensor, targets: torch.Tensor) -> PixelPredictions:
        """Those of logits (B, classes, H, W) and int64 targets (B, H, W)."""
        classes, counted = logits.shape[1], targets != IGNORED
        flat, wanted = logits.double().movedim(1, -1)[counted].cpu(), targets[counted].cpu()
        confidence, predicted = flat.softmax(1).max(1)
        found = torch.stack([torch.ones_like(confidence), confidence, (predicted == wanted).double()], 1)
        return cls(
            counts=pixel_counts(predicted, wanted, classes),
            binned=torch.zeros(BINS, 3, dtype=torch.float64).index_add(0, interval_of(confidence), found),
            total_loss=float(F.cross_entropy(flat, wanted, reduction="sum")),
        )

    @classmethod
    def joined(cls, parts: Iterable[PixelPredictions]) -> PixelPredictions:
        """Those of several batches; each is forgotten once it is added."""
        return reduce(lambda a, b: cls(a.counts + b.counts, a.binned + b.binned, a.total_loss + b.total_loss), parts)

    @property
    def pixels(self) -> int:
        """How many are counted."""
        return int(self.counts.sum())

    @property
    def mean_loss(self) -> float:
        """Mean cross-entropy of a pixel."""
        return self.total_loss / self.pixels

    @property
    def accuracy(self) -> float:
        """Share of pixels whose class is the one with the largest probability."""
        return int(self.counts.trace()) / self.pixels

    @property
    def top5(self) -> None:
        """Not counted for pixels."""

    @property
    def ious(self) -> list[float | None]:
        """Of each class the pixels that are right over those that are of it, taken for it, or both; ``None`` without any."""
        return ious(self.counts)

    @property
    def mean_iou(self) -> float:
        """The mean of those that there are."""
        return mean_iou(self.counts)

    def classes(self, names: Sequence[str]) -> tuple[ClassScore, ...]:
        """Accuracy and IoU of each class."""
        counts, right = self.counts.sum(1).tolist(), self.counts.diagonal().tolist()
        return tuple(
            ClassScore(name=name, images=n, accuracy=hits / n if n else None, iou=iou)
            for name, n, hits, iou in zip(names, counts, right, self.ious, strict=True)
        )

    def confusions(self) -> tuple[tuple[int, int, int], ...]:
        """``(class, predicted class, pixels)``, where there are any."""
        return tuple((i, j, int(self.counts[i, j])) for i, j in self.counts.nonzero().tolist())

    def bins(self) -> tuple[Bin, ...]:
        """Pixels by their confidence, in equal intervals of which each holds its upper end."""
        return tuple(
            Bin(images=int(n), confidence=min(1.0, confidence / max(n, 1)), accuracy=right / max(n, 1))
            for n, confidence, right in self.binned.tolist()
        )
