"""``comparison.json``: a trained genotype beside random ones that were trained as it was, on the same test images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from scansearch.document_model import DocumentModel
from scansearch.documents import checked, read_json
from scansearch.runs.evaluation_json import Count, Share
from scansearch.shape import Measure
from scansearch.space import MOST_LAYERS, Directions

COMPARISON = "comparison.json"
MOST_RANDOM = 1000


class TrainedGenotype(BaseModel):
    """A genotype, trained alone.

    Args:
        directions: The directions of each layer.
        seed: Of its training.
        top1: Accuracy on the test images, in a dense task of their pixels.
        mean_iou: In a dense task, the mean IoU there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    directions: Annotated[tuple[Directions, ...], Field(min_length=1, max_length=MOST_LAYERS)]
    seed: Count
    top1: Share
    mean_iou: Share | None = None

    @property
    def worth(self) -> float:
        """What it is ranked by: as ``ImageShape.measure``."""
        return self.top1 if self.mean_iou is None else self.mean_iou


class Comparison(DocumentModel):
    """A genotype and random ones of its space, which keep as many directions in each layer.

    Args:
        schema_: The format.
        data: Name of the data set.
        fingerprint: SHA-256 of the test images.
        images: How many there are.
        space: Name of the space that the random ones are of.
        found: The genotype that was found.
        random: The others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["scansearch/comparison/1"] = Field(default="scansearch/comparison/1", alias="schema")
    data: str
    fingerprint: str
    images: Count
    space: str
    found: TrainedGenotype
    random: Annotated[tuple[TrainedGenotype, ...], Field(min_length=1, max_length=MOST_RANDOM)]

    @classmethod
    def of(cls, folder: Path) -> Comparison | None:
        """That of a run folder; ``None`` if there is none.

        Raises:
            ScansearchError: If the file is damaged.
        """
        path = folder / COMPARISON
        return checked(cls, read_json(path, "comparison"), str(path)) if path.exists() else None

    @property
    def measure(self) -> Measure:
        """What they are ranked by."""
        return "accuracy" if self.found.mean_iou is None else "mean_iou"

    @property
    def as_good(self) -> int:
        """How many random genotypes are worth as much or more."""
        return sum(other.worth >= self.found.worth for other in self.random)

    @property
    def p(self) -> float:
        """How probable so good a rank would be if the found genotype were a random one, too: exact, ties counted against it."""
        return (1 + self.as_good) / (1 + len(self.random))
