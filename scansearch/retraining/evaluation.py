"""What a trained network is worth on test images, which are looked at once, and every time is recorded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from scansearch.data import AugmentSettings, ImageData
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.machine.numerics import run_numerics
from scansearch.registry import DATASETS
from scansearch.retraining.final_source import FinalNetwork, open_final
from scansearch.retraining.pixel_predictions import PixelPredictions
from scansearch.retraining.predictions import FIVE, Predictions, calibration_error
from scansearch.runs.config import validated
from scansearch.runs.evaluation_json import EVALUATION, AtSize, Evaluation, Evaluations, Speed
from scansearch.runs.folder import RunFolder
from scansearch.runs.limits import MOST_SIDE
from scansearch.runs.run import Run
from scansearch.runs.settings import DataSettings
from scansearch.runs.weights_file import NetworkFacts
from scansearch.searching.configure import from_everywhere
from scansearch.searching.run_parts import images_of
from scansearch.shape import check_number
from scansearch.training.batch import Batch
from scansearch.training.events import Listener, Silent
from scansearch.training.feed import Feed
from scansearch.training.join import join

SIZES = (0.75, 1.25)
"""Other sizes that are tried, as shares of the network's own, to the next that patches cut."""
PASSES = 3


@dataclass(frozen=True)
class Examination:
    """What is to be evaluated.

    Args:
        path: A run folder, or a file of weights.
        data: A registered dataset; ``None`` is that of the training.
        data_root: Its folder; ``None`` is that of the training.
        model: Of a file that does not say what network it is of, its model.
        genotype: Likewise, its directions.
        sizes: Other sides of images, in pixels; ``None`` takes ``SIZES``.
        batch_size: Images in a batch.
        again: Evaluate a run on test images that it was evaluated on before.

    Raises:
        ScansearchError: If a number is out of range.
    """

    path: Path
    data: str | None = None
    data_root: str | None = None
    model: str | None = None
    genotype: Genotype | None = None
    sizes: Sequence[int] | None = None
    batch_size: int = 64
    again: bool = False

    def __post_init__(self) -> None:
        check_number("batch_size", self.batch_size, 65_536)
        for size in self.sizes or ():
            check_number("a size", size, MOST_SIDE)

    def settings(self, final: FinalNetwork) -> DataSettings:
        """The images, scaled to those of the network.

        Raises:
            ScansearchError: If it is not known which these are.
        """
        defaults, shape = final.data_defaults, final.facts.shape
        name = self.data or defaults.get("name")
        if name is None:
            raise ScansearchError(f"{self.path} does not say what it was trained on; choose test images by --data")
        usual = {"evaluation_crop": DATASETS.get(name).evaluation_crop}
        known = defaults if name == defaults.get("name") else usual
        root = known.get("root", "") if self.data_root is None else from_everywhere(self.data_root)
        size = shape.height if shape.height == shape.width else 0
        settings: DataSettings = validated(
            DataSettings, {**known, "name": name, "root": root, "image_size": size}, "data"
        )
        return settings


def examine_network(wanted: Examination, listener: Listener | None = None) -> tuple[Evaluation, bool]:
    """Evaluates a trained network on all test images of a data set; of a run, this is written to ``evaluation.json``.

    The run is locked meanwhile: two processes do not look at its test images at a time.

    Args:
        wanted: What is evaluated on what.
        listener: Told how many image files were checked, and what the user should know.

    Returns:
        The evaluation, and whether it was made just now: a run that was evaluated on these images gives what it found then.

    Raises:
        ScansearchError: If the images are not of the kind that the network was trained for, or the run is in use.
    """
    told, final = listener or Silent(), open_final(wanted.path, wanted.model, wanted.genotype)
    settings = wanted.settings(final)
    with run_numerics():
        _, fabric = join(final.machine)
        data = _prepared(images_of(settings, told), final.facts)
        _check_images(data, final.facts)
        if final.run is None:
            return _evaluated(final, data, settings, wanted, fabric, told), True
        if recorded := _recorded(final.run, data, wanted):
            return recorded, False
        with RunFolder.open(final.run.path).locked():
            if recorded := _recorded(final.run, data, wanted):  # by another process, meanwhile
                return recorded, False
            found = _evaluated(final, data, settings, wanted, fabric, told)
            past = Evaluations.of(final.run.path)
            Evaluations(evaluations=(*past.evaluations, found)).save(final.run.path / EVALUATION)
    return found, True


def _recorded(run: Run, data: ImageData, wanted: Examination) -> Evaluation | None:
    """What was found on these test images before, unless they are to be looked at again."""
    return None if wanted.again else Evaluations.of(run.path).first(data.fingerprints.get("test", ""))


def _prepared(data: ImageData, facts: NetworkFacts) -> ImageData:
    """The images as the network reads them: its own mean and standard deviation, whatever those of these images are."""
    return replace(data, mean=facts.mean, std=facts.std) if len(facts.mean) == data.channels else data


def _check_images(data: ImageData, facts: NetworkFacts) -> None:
    if data.shape.dense != facts.shape.dense:
        has, takes = ("a class for each pixel" if s.dense else "one class an image" for s in (data.shape, facts.shape))
        raise ScansearchError(
            f"the network gives {takes}, but the images of {data.name} have {has}; choose other --data"
        )
    if data.shape != facts.shape:
        has, takes = (
            f"{s.channels} x {s.height} x {s.width} pixels in {s.classes} classes" for s in (data.shape, facts.shape)
        )
        raise ScansearchError(
            f"the network is for images of {takes}, but those of {data.name} have {has}; choose other --data"
        )
    pairs = enumerate(zip(facts.class_names, data.class_names, strict=False))
    if wrong := [(i, ours, theirs) for i, (ours, theirs) in pairs if ours != theirs]:
        number, ours, theirs = wrong[0]
        raise ScansearchError(
            f"class {number} was {ours!r} in the training, but is {theirs!r} in {data.name}; choose images of the same classes"
        )


def _evaluated(
    final: FinalNetwork, data: ImageData, settings: DataSettings, wanted: Examination, fabric: Fabric, told: Listener
) -> Evaluation:
    network = final.network.to(fabric.device)
    feed = _feed(final, data, wanted, fabric)
    found = predictions(network, feed)
    bins, names = found.bins(), data.class_names
    resolutions, notes = _at_other_sizes(final, settings, wanted, fabric, told)
    return Evaluation(
        time=f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S}",
        data=data.name,
        fingerprint=data.fingerprints.get("test", ""),
        images=len(data.test),
        image_size=data.image_size,
        loss=found.mean_loss,
        top1=found.accuracy,
        top5=found.top5 if data.num_classes > FIVE else None,
        ece=calibration_error(bins),
        bins=bins,
        classes=found.classes(names),
        confusions=found.confusions(),
        speed=_speed(network, next(iter(feed.over(data.test))), fabric),
        pixels=found.pixels if isinstance(found, PixelPredictions) else None,
        mean_iou=_mean_iou(found),
        resolutions=resolutions,
        notes=tuple(notes),
    )


def _mean_iou(found: Predictions | PixelPredictions) -> float | None:
    return found.mean_iou if isinstance(found, PixelPredictions) else None


def _feed(final: FinalNetwork, data: ImageData, wanted: Examination, fabric: Fabric) -> Feed:
    return Feed(data, AugmentSettings(), wanted.batch_size, 0, fabric, workers=final.machine.workers)


@torch.no_grad()
def predictions(network: nn.Module, feed: Feed) -> Predictions | PixelPredictions:
    """What a network in evaluation mode says of all test images, or of all their pixels.

    Raises:
        ScansearchError: If what it says is not finite.
    """
    batches, pixels = feed.over(feed.data.test), feed.data.shape.dense
    with feed.fabric.autocast():
        said = ((_finite(network(batch.images)), batch.targets) for batch in batches)
        if pixels:
            return PixelPredictions.joined(PixelPredictions.of(*each) for each in said)
        return Predictions.joined([Predictions.of(*each) for each in said])


def _finite(logits: torch.Tensor) -> torch.Tensor:
    if not bool(logits.isfinite().all()):
        raise ScansearchError(
            "the network's logits of test images must be finite, but some are not; its weights are damaged, or too large for its "
            "precision: train it anew"
        )
    return logits


@torch.no_grad()
def _speed(network: nn.Module, batch: Batch, fabric: Fabric) -> Speed:
    def seconds() -> float:
        began = time.perf_counter()
        with fabric.autocast():
            network(batch.images)
        if fabric.device.type != "cpu":  # a GPU works behind the caller's back
            torch.accelerator.synchronize(fabric.device)
        return time.perf_counter() - began

    seconds()  # compiles, allocates and warms the caches
    fastest, gpu = min(seconds() for _ in range(PASSES)), fabric.device.type == "cuda"
    return Speed(
        images_per_second=len(batch.images) / fastest,
        batch_size=len(batch.images),
        device=torch.cuda.get_device_name(fabric.device) if gpu else str(fabric.device),
        threads=torch.get_num_threads(),
    )


def _at_other_sizes(
    final: FinalNetwork, settings: DataSettings, wanted: Examination, fabric: Fabric, told: Listener
) -> tuple[tuple[AtSize, ...], list[str]]:
    """The accuracy at other sizes, and why not, a line for each that there is none for."""
    found, notes, at = [], [], getattr(final.network, "at", None)
    if at is None or settings.image_size == 0:
        why = f"{final.facts.model} cannot be rebuilt at another size" if at is None else "its images are not square"
        return (), [f"no accuracy at other sizes: {why}"]
    for size in wanted.sizes if wanted.sizes is not None else _usual_sizes(final):
        try:
            network: Any = at((size, size)).to(fabric.device).eval()
            data = _prepared(images_of(settings.model_copy(update={"image_size": size}), told), final.facts)
            scores = predictions(network, _feed(final, data, wanted, fabric))
            found.append(AtSize(size=size, top1=scores.accuracy, mean_iou=_mean_iou(scores)))
        except ScansearchError as error:
            notes.append(f"no accuracy at {size} x {size}: {error}")
    return tuple(found), notes


def _usual_sizes(final: FinalNetwork) -> Iterator[int]:
    side, facts = final.facts.shape.height, final.facts
    patch = side // facts.spec.layers(facts.shape)[0].grid[0]
    sizes = (round(share * side / patch) * patch for share in SIZES)
    return (size for size in dict.fromkeys(sizes) if size not in (0, side))
