"""What an update costs under each strategy: time and peak memory, against darts on the same supernet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch.nn import functional as F

from benchmarks.comparison import Comparison
from benchmarks.supernet_step import BATCH, images, supernet
from benchmarks.timing import interleaved
from scansearch.engine.optim import weight_optimizer
from scansearch.engine.settings import TrainSettings
from scansearch.engine.strategy import Batch, Plan, Step
from scansearch.registry import SEARCH_SPACES, STRATEGIES

FIRST = "darts"
CASES = (
    "darts",
    "darts bilevel",
    "single_path",
    "fair_path",
    "gumbel",
    "binary_gates",
    "partial_channel",
    "progressive",
    "sigmoid",
)
"""Strategies with different updates; a second word is the level. The black-box ones train like single_path."""
UPDATES = 5
"""Updates in a sample: binary_gates moves alpha in every fifth."""
PLAN = Plan(10, 10, 0)
SHRUNK, LATE = 49, 80
"""Where progressive drops candidates, and where the measured updates begin: alpha moves by then, under every strategy."""


def updates(case: str, batch: int, *, model: str = "micro", count: int = UPDATES) -> Callable[[], object]:
    """A function that makes some updates of the weights, and of alpha, as the loop does."""
    name, _, level = case.partition(" ")
    network, kind = supernet(model), STRATEGIES.get(name)
    space = SEARCH_SPACES.get("default8").bind([network.grid] * len(network.candidates))
    strategy = kind(kind.Settings(**({"level": level} if level else {})))
    strategy.setup(network, space, PLAN)
    optimizer = weight_optimizer(network, TrainSettings())
    data = Batch(*images(batch))
    moment = partial(
        Step, schedule=0.5, train=data, held_out=data if strategy.held_out_share else None, optimizer=optimizer,
        loss=lambda b, selections: F.cross_entropy(network(b.images, selections), b.targets),
        backward=lambda loss: loss.backward(),
    )  # fmt: skip
    strategy.after_epoch(moment(number=SHRUNK))

    def run_once() -> None:
        for number in range(LATE, LATE + count):
            step = moment(number=number)
            strategy.before_weights(step)
            optimizer.zero_grad()
            step.backward(step.loss(data, strategy.select(number)))
            strategy.after_backward(step)
            optimizer.step()

    return run_once


def run(repeats: int, *, tiny: bool = False) -> list[Comparison]:
    """Milliseconds of an update."""
    batch, model = (2, "nano") if tiny else (BATCH, "micro")
    torch.manual_seed(0)
    samples = interleaved({case: updates(case, batch, model=model) for case in CASES}, repeats)
    per_update = {case: [value / UPDATES for value in values] for case, values in samples.items()}
    return [Comparison("strategies", model, title(batch), "ms", per_update, {})]


def title(batch: int) -> str:
    """What is measured."""
    return f"strategies: one update of the default supernet, 8 directions, keep 4, batch {batch}"
