"""A training step in which only what ran moves, against the same step with torch's plain optimiser."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from itertools import cycle

import torch
from lightning_fabric import Fabric

from benchmarks.comparison import Comparison
from benchmarks.supernet_step import BATCH, SHAPE, images
from benchmarks.timing import interleaved
from scansearch.models import Selection, Supernet
from scansearch.registry import MODELS, SEARCH_SPACES
from scansearch.runs.config import TrainSettings
from scansearch.training.batch import Batch
from scansearch.training.weights import Weights

MODELS_TIMED = ("nano", "micro")
CASES = {"mixture of 8": ("default8", None), "4 of 8": ("default8", 4), "4 of 32": ("wide32", 4)}
"""The space, and how many directions of a layer are drawn; ``None``: all run, weighted."""
ROUNDS = 4
"""Times as many rounds as asked for: a few per cent are to be seen."""
DRAWS = 50


def selections(candidates: list[tuple[str, ...]], drawn: int | None) -> list[list[Selection]]:
    """What the layers run, step by step."""
    random = torch.Generator().manual_seed(0)
    if drawn is None:
        return [
            [Selection(tuple(range(len(names))), torch.full((len(names),), 1 / len(names))) for names in candidates]
        ]

    def draw(names: tuple[str, ...]) -> Selection:
        return Selection(tuple(sorted(torch.randperm(len(names), generator=random)[:drawn].tolist())))

    return [[draw(names) for names in candidates] for _ in range(DRAWS)]


def step(network: Supernet, drawn: int | None, batch: int) -> Callable[[], object]:
    """A function that makes one training step: forward, backward, clipping, AdamW."""
    weights = Weights(network, TrainSettings(), 100, Fabric(accelerator="cpu", devices=1))
    weights.module.train()
    fed, chosen = Batch(*images(batch)), cycle(selections(network.candidates, drawn))

    def run_once() -> None:
        weights.backward(fed, next(chosen))
        weights.update()

    return run_once


def plain(network: Supernet) -> Supernet:
    """A copy that says of no weight that it is stacked, so that whole tensors move."""
    copy = deepcopy(network)
    copy.stacked_parameters = lambda: [[] for _ in copy.candidates]  # type: ignore[method-assign]
    return copy


def run(repeats: int, *, tiny: bool = False) -> list[Comparison]:
    """One comparison of whole steps for each model and case, in milliseconds."""
    found = []
    for model in MODELS_TIMED[:1] if tiny else MODELS_TIMED:
        for case, (space, drawn) in CASES.items():
            torch.manual_seed(0)
            spec, batch = MODELS.get(f"local_vim_{model}"), 2 if tiny else BATCH
            network = spec.supernet([SEARCH_SPACES.get(space).candidates] * len(spec.layers(SHAPE)), SHAPE)
            functions = {"ours": step(network, drawn, batch), "torch's AdamW": step(plain(network), drawn, batch)}
            samples = interleaved(functions, repeats if tiny else ROUNDS * repeats)
            title = f"update {model}: training step of local_vim_{model}, {case}, batch {batch}, 8 x 8 tokens"
            found.append(Comparison("update", f"{model} {case}", title, "ms", samples, {}))
    return found
