"""A split whose images and masks stay in files and are decoded when a batch asks for them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from scansearch.data.dense import DenseTargets
from scansearch.data.file_split import FileSplit
from scansearch.data.mask_file import MaskInspection, decode_mask
from scansearch.data.threads import each
from scansearch.lazy import torch


@dataclass(frozen=True)
class MaskSplit(FileSplit, DenseTargets):
    """Image files, each with a mask.

    Args:
        root: As of ``FileSplit``, and so on.
        masks: Paths of the masks, in the order of ``files``.
        found: What was found in them.
    """

    masks: tuple[str, ...] = ()
    found: tuple[MaskInspection, ...] = ()

    def classes(self) -> tuple[int, ...]:
        """The classes that some pixel is of, ascending."""
        return tuple(sorted({value for mask in self.found for value in mask.classes}))

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Images of shape (B, C, H, W), and targets, int64 of shape (B, H, W); errors as ``FileSplit.batch``."""
        images, _ = super().batch(indices)
        masks = each(lambda mask: decode_mask(self.root / mask, *self.size), [self.masks[i] for i in indices.tolist()])
        return images, torch.from_numpy(np.stack(masks)).long()

    def subset(self, indices: torch.Tensor) -> MaskSplit:
        """The split that holds only ``indices``."""
        few, places = super().subset(indices), indices.tolist()
        masks = tuple(self.masks[place] for place in places)
        found = tuple(self.found[place] for place in places)
        return replace(self, files=few.files, labels=few.labels, seen=few.seen, masks=masks, found=found)

    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the images and masks: their relative paths and the bytes of the files."""
        told = "\0".join((super().digest(), *self.masks, *(mask.data for mask in self.found)))
        return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()
