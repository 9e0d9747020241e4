"""``evaluation.json``: what a trained network was worth on test images, and every time that somebody looked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from scansearch.document_model import DocumentModel
from scansearch.documents import checked, read_json
from scansearch.shape import MAX_CLASSES, MAX_SIDE

EVALUATION = "evaluation.json"
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, strict=True)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE, strict=True)]


class Told(BaseModel):
    """A part of an evaluation."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassScore(Told):
    """A class of the test images.

    Args:
        name: Its name.
        images: How many test images are of it; in a dense task, pixels.
        accuracy: Share of them that is classified right (its recall); ``None`` if there are none.
        iou: In a dense task, the pixels that are right over those that are of it, taken for it, or both; ``None`` if there are none.
    """

    name: str
    images: Count
    accuracy: Share | None
    iou: Share | None = None


class Bin(Told):
    """The images, in a dense task pixels, whose largest probability lies in one interval.

    Args:
        images: How many there are.
        confidence: The mean of their largest probabilities.
        accuracy: The share that is classified right.
    """

    images: Count
    confidence: Share
    accuracy: Share


class Speed(Told):
    """How fast the network classifies.

    Args:
        images_per_second: In the fastest of several passes over one batch that lies on the device.
        batch_size: Images of the batch.
        device: Where.
        threads: CPU threads of torch.
    """

    images_per_second: float = Field(gt=0, allow_inf_nan=False)
    batch_size: Count
    device: str
    threads: Count


class AtSize(Told):
    """The same network for images of another size.

    Args:
        size: Pixels of a side.
        top1: Accuracy there, in a dense task of pixels.
        mean_iou: In a dense task, the mean IoU there.
    """

    size: Side
    top1: Share
    mean_iou: Share | None = None


class Evaluation(Told):
    """One evaluation on all test images of a data set; in a dense task their pixels are counted, and not the images.

    Args:
        time: When, in UTC.
        data: Name of the data set.
        fingerprint: SHA-256 of the test images.
        images: How many there are.
        image_size: Their height and width in pixels.
        loss: Mean cross-entropy.
        top1: Share of images whose class has the largest probability.
        top5: Share whose class is among the five largest; ``None`` with five classes or fewer, where it says nothing.
        ece: Expected calibration error over the bins.
        bins: Equal intervals of the largest probability, from 0 to 1 (Guo et al., arXiv 1706.04599).
        classes: One entry a class.
        confusions: ``(class, predicted class, images)``, where there are any, by number from 0; in a dense task, pixels.
        pixels: In a dense task, how many are counted: all that are not ignored.
        mean_iou: In a dense task, the mean of the classes' IoU, of those that have one.
        speed: Throughput.
        resolutions: The accuracy at other sizes, if the network can be rebuilt for them.
        notes: What could not be measured and why, a line each.
    """

    time: str
    data: str
    fingerprint: str
    images: Count
    image_size: tuple[Side, Side]
    loss: float
    top1: Share
    top5: Share | None
    ece: Share
    bins: tuple[Bin, ...]
    classes: Annotated[tuple[ClassScore, ...], Field(max_length=MAX_CLASSES)]
    confusions: tuple[tuple[Count, Count, Count], ...]
    speed: Speed
    pixels: Count | None = None
    mean_iou: Share | None = None
    resolutions: tuple[AtSize, ...] = ()
    notes: tuple[str, ...] = ()


class Evaluations(DocumentModel):
    """All evaluations of a trained network, in the order in which they were made.

    Args:
        schema_: The format.
        evaluations: The first on each data set is the one to report: what comes later has been looked at before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["scansearch/evaluation/1"] = Field(default="scansearch/evaluation/1", alias="schema")
    evaluations: tuple[Evaluation, ...] = ()

    @classmethod
    def of(cls, folder: Path) -> Evaluations:
        """Those of a run folder; none if there is no file yet.

        Raises:
            ScansearchError: If the file is damaged.
        """
        path = folder / EVALUATION
        return checked(cls, read_json(path, "list of evaluations"), str(path)) if path.exists() else cls()

    def first(self, fingerprint: str) -> Evaluation | None:
        """The first on these test images."""
        return next((found for found in self.evaluations if found.fingerprint == fingerprint), None)
