"""What a strategy must not touch while the suite runs: every use is noted, and fails."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, NoReturn

import torch

from scansearch.data import DatasetSpec, ImageData
from scansearch.registry import DATASETS
from scansearch.testing.requirement import CapabilityError

VALIDATION = 32


class Sealed:
    """In place of images that a strategy must not see.

    Args:
        problem: What its use means.
    """

    def __init__(self, problem: str) -> None:
        self.problem = problem
        self.uses: list[str] = []

    def check_unused(self) -> None:
        """Fails if it was used, also where somebody has caught the first error."""
        if self.uses:
            raise CapabilityError("HeldOut", self.problem)

    def __getattr__(self, name: str) -> NoReturn:
        self.uses.append(name)
        raise CapabilityError("HeldOut", self.problem)

    def __len__(self) -> int:
        self.__getattr__("len")

    def __call__(self, *arguments: object) -> NoReturn:
        self.__getattr__("call")


class SealedDigits:
    """A few digits whose test part fails when it is used."""

    def __init__(self) -> None:
        digits: DatasetSpec = DATASETS.get("digits")
        self.augment, self.evaluation_crop = digits.augment, digits.evaluation_crop
        self.test, self._read = Sealed("reads the test images; a search must not see them"), cache(digits.load)

    def load(self, root: str | None = None, *, progress: object = None, **options: Any) -> ImageData:
        """The digits, with a small validation part; no file is checked, so there is no progress to tell."""
        data: ImageData = self._read(root, **options)
        test: Any = self.test
        return replace(data, validation=data.validation.subset(torch.arange(VALIDATION)), test=test)
