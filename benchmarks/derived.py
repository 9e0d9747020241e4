"""Derived networks, and LocalVMamba's supernet: ours, and the same networks looping over their directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional as F

from benchmarks.comparison import Comparison
from benchmarks.looped import looped
from benchmarks.peers import time_major
from benchmarks.timing import interleaved
from scansearch.errors import ScansearchError
from scansearch.genotype import published
from scansearch.models import ModelSpec, Selection, Supernet, bind_to
from scansearch.registry import MODELS
from scansearch.runs.config import TrainSettings
from scansearch.shape import ImageShape
from scansearch.space import find_space
from scansearch.training.batch import Batch
from scansearch.training.weights import Weights

LOOPED = "looped time-major"
FALLBACK = "ours, backend torch"
TOLERANCE = 1e-3
"""Largest difference of the logits, as a share of the largest, that passes for the same network."""
DIGITS = ImageShape(8, 8, channels=1, classes=10)
IMAGENET = ImageShape(224, 224, channels=3, classes=1000)
SMALL, PHOTOS = ImageShape(16, 16, channels=1, classes=10), ImageShape(32, 32, channels=3, classes=10)


class Case(NamedTuple):
    """What is timed.

    Args:
        name: What it is called in the tables.
        model: A registered model.
        shape: Images and classes.
        batch: Images at a time.
        does: ``"step"``: whole training steps, with clipping and AdamW. ``"inference"``: logits. ``"supernet"``: forward and
            backward passes of the supernet over the space localvmamba8.
        source: A published genotype; ``None``: four directions a layer.
    """

    name: str
    model: str
    shape: ImageShape
    batch: int
    does: str
    source: str | None = None


CASES = (
    Case("nano step", "local_vim_nano", DIGITS, 64, "step"),
    Case("LocalVim-T inference", "local_vim_tiny", IMAGENET, 4, "inference", "local_vim_tiny"),
    Case("LocalVim-T step", "local_vim_tiny", IMAGENET, 4, "step", "local_vim_tiny"),
    Case("LocalVMamba-T inference", "local_vmamba_tiny", IMAGENET, 2, "inference", "local_vmamba_tiny"),
    Case("LocalVMamba-T step", "local_vmamba_tiny", IMAGENET, 2, "step", "local_vmamba_tiny"),
    Case("LocalVMamba supernet", "local_vmamba_micro", PHOTOS, 16, "supernet"),
)
TINY = (
    Case("nano step", "local_vim_nano", DIGITS, 2, "step"),
    Case("nano inference", "local_vmamba_nano", DIGITS, 2, "inference"),
    Case("LocalVMamba supernet", "local_vmamba_nano", SMALL, 2, "supernet"),
)
FOUR = ["h", "h_flip", "v", "w2"]


def contestants(case: Case) -> dict[str, nn.Module]:
    """Ours, its looped copy, and the same network with our time-major scan, grouped."""
    found: dict[str, nn.Module] = {}
    for name, backend in (("ours", "auto"), (FALLBACK, "torch")):
        torch.manual_seed(0)
        spec = MODELS.get(case.model).configure(scan_backend=backend)
        found[name] = _network(case, spec)
    grids = [info.grid for info in MODELS.get(case.model).layers(case.shape)]
    return {"ours": found["ours"], LOOPED: looped(found["ours"], time_major, grids), FALLBACK: found[FALLBACK]}


def _network(case: Case, spec: ModelSpec) -> nn.Module:
    if case.does == "supernet":
        bound = bind_to(find_space("localvmamba8"), spec, case.shape)
        return spec.supernet([layer.candidates for layer in bound], case.shape)
    layers = len(spec.layers(case.shape))
    return spec.network(published(case.source).directions if case.source else [FOUR] * layers, case.shape)


def images(case: Case) -> Batch:
    """Random images (B, C, H, W) and labels (B,)."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(case.batch, case.shape.channels, *case.shape.size, generator=generator)
    return Batch(pixels, torch.randint(case.shape.classes, (case.batch,), generator=generator))


def logits(network: Any, batch: Batch) -> torch.Tensor:
    """Of a supernet, with all directions weighted by the softmax of alpha."""
    if not isinstance(network, Supernet):
        found: torch.Tensor = network(batch.images)
        return found
    alphas = network.architecture_parameters()
    return network(batch.images, [Selection(tuple(range(len(a))), a.flatten().softmax(0)) for a in alphas])


def timed(case: Case, network: nn.Module) -> Callable[[], object]:
    """A function that does once what the case is about."""
    batch = images(case)
    if case.does == "inference":
        network.eval()
        return lambda: torch.no_grad()(logits)(network, batch)
    if case.does == "step":
        weights = Weights(network, TrainSettings(), 100, Fabric(accelerator="cpu", devices=1))
        weights.module.train()

        def step() -> None:
            weights.backward(batch)
            weights.update()

        return step

    def both_ways() -> None:
        network.zero_grad(set_to_none=True)
        F.cross_entropy(logits(network, batch), batch.targets).backward()

    return both_ways


def check_same(case: Case, networks: dict[str, nn.Module]) -> None:
    """Checks that all networks give the logits of the first.

    Raises:
        ScansearchError: Naming the one that does not.
    """
    batch = images(case)
    with torch.no_grad():
        found = {name: logits(network.eval(), batch) for name, network in networks.items()}
    expected = found["ours"]
    for name, got in found.items():
        difference = float((got - expected).abs().max() / expected.abs().max())
        if not difference <= TOLERANCE:
            raise ScansearchError(
                f"the networks compared must compute the same, but the logits of {name} differ by {difference:.2g} of the largest; bring "
                "benchmarks/looped.py in line with the mixer"
            )


def run(repeats: int, *, tiny: bool = False) -> list[Comparison]:
    """One comparison for each case, in milliseconds an image."""
    return [_compare(case, repeats) for case in (TINY if tiny else CASES)]


def _compare(case: Case, repeats: int) -> Comparison:
    networks = contestants(case)
    check_same(case, networks)
    samples = interleaved({name: timed(case, network) for name, network in networks.items()}, repeats)
    each = {name: [value / case.batch for value in values] for name, values in samples.items()}
    what = {"step": "training step with clipping and AdamW", "inference": "inference"}.get(
        case.does, "supernet step over localvmamba8, forward + backward"
    )
    rows, columns = case.shape.size
    title = f"derived {case.name}: {what} of {case.model}, batch {case.batch}, {rows} x {columns} pixels"
    return Comparison("derived", case.name, title, "ms an image", each, {})
