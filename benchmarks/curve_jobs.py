"""The jobs of `curves`: a network trained alone, a search, and how long an epoch of a search lasts."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import Any

import torch

from benchmarks.search import named, search
from benchmarks.signals import SIDE, curves
from benchmarks.trained import trained
from scansearch.space import SearchSpace

ORDERS = ("h", "v", "w2", "hilbert", "hilbert_t", "spiral", "diagonal", "random:1")
MODEL, LAYERS, EPOCHS = "local_vim_nano", 4, 8
TRAINING: dict[str, Any] = {"lr": 2e-2, "batch_size": 64, "threads": 1, "patch_size": 1, "checkpoint_steps": 100_000}
TINY: dict[str, Any] = {"mixture": "keep"}
"""What would be chosen, for which memory would be counted in every search."""
JUDGED: dict[str, dict[str, float]] = {
    # What a setting is, as a share of all judgements.
    "random_search": {"samples": 1.0},
    "single_path": {"population": 0.1, "generations": 0.0, "mutations": 0.05, "crossovers": 0.05},
    "fair_path": {"population": 0.1, "generations": 0.0, "mutations": 0.05, "crossovers": 0.05},
    "evolution": {"population": 0.2, "cycles": 0.8},
    "optuna_search": {"trials": 1.0},
    "nni_search": {"trials": 1.0},
    "surrogate": {"trials": 1.0},
    "local_search": {"trials": 1.0},
}
UNTIMED = ("pick", "alpha_warmup")
"""Settings that do not change how long an epoch or a judgement lasts."""
ROUNDS = 3
"""Of timing: one alone was wrong by two thirds where other work began in between."""
GENERATIONS = 9
"""Of single_path and fair_path: with the shares above, all judgements are spent."""

Directions = list[list[str]]


def timed_as(strategy: str) -> str:
    """A strategy with those of its settings that count for how long it takes."""
    name, *settings = strategy.split(",")
    return ",".join([name, *(setting for setting in settings if setting.partition("=")[0] not in UNTIMED)])


def judges(strategy: str) -> bool:
    """Whether a strategy judges genotypes after training."""
    return named(strategy)[0] in JUDGED


@dataclass(frozen=True)
class Task:
    """A layout and what a layer chooses from; ``answer`` is one of ``orders``."""

    answer: str
    orders: tuple[str, ...] = ORDERS

    @property
    def space(self) -> SearchSpace:
        """One order a layer."""
        return SearchSpace(name="curves", candidates=self.orders, keep=1, description="one order a layer")

    @property
    def key(self) -> str:
        """The task in the record."""
        return f"{self.answer} of {','.join(self.orders)}"

    def drawn(self, count: int) -> list[Directions]:
        """Random genotypes, all different."""
        space, choices = self.space.bind([(SIDE, SIDE)] * LAYERS), dict[Any, None]()
        generator = torch.Generator().manual_seed(0)
        while len(choices) < count:
            choices[space.sample(generator)] = None
        return [space.directions(choice) for choice in choices]


@dataclass(frozen=True)
class Training:
    """A network trained alone."""

    task: Task
    directions: Directions
    seed: int
    tiny: bool

    @property
    def key(self) -> str:
        """The job in the record."""
        return f"train {self.task.key} | {self.directions} | {self.seed}{' tiny' if self.tiny else ''}"


def train(job: Training) -> dict[str, float]:
    """Accuracies in [0, 1] on validation and test images, and the processor's seconds."""
    settings = {**TRAINING, "epochs": 1 if job.tiny else EPOCHS}
    with curves(job.task.answer, tiny=job.tiny) as name:
        done = trained(job.directions, job.task.space, MODEL, name, job.seed, settings)
    found = {"validation": done.images.validation, "test": done.images.test}
    return {**{name: done.accuracy(split) for name, split in found.items()}, "seconds": done.seconds}


@dataclass(frozen=True)
class Search:
    """A search that lasts as long as so many trainings.

    Args:
        task: What is searched.
        strategy: The strategy's name; behind a comma, settings of it: ``single_path,pick=expected``.
        seed: Its seed.
        epochs: Epochs of the supernet.
        judged: Genotypes judged after it.
        tiny: A few images.
    """

    task: Task
    strategy: str
    seed: int
    epochs: int
    judged: int
    tiny: bool

    @property
    def key(self) -> str:
        """The job in the record."""
        plan = f"{self.strategy} {self.epochs} {self.judged}"
        return f"search {self.task.key} | {plan} | {self.seed}{' tiny' if self.tiny else ''}"

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the search."""
        name, chosen = named(self.strategy)
        shares = JUDGED.get(name, {})
        counts = {name: max(2, round(share * self.judged)) for name, share in shares.items()}
        if "generations" in counts:
            counts["generations"] = 1 if self.tiny else GENERATIONS
        return {**TRAINING, "epochs": self.epochs, **(TINY if self.tiny else {}), **counts, **chosen}


def find(job: Search) -> dict[str, Any]:
    """The genotype found, which layers' choices have settled, the supernet's accuracy, and the processor's seconds."""
    with curves(job.task.answer, tiny=job.tiny) as name:
        began = process_time()
        genotype = search(
            space=job.task.space, strategy=named(job.strategy)[0], model=MODEL, data=name, seed=job.seed, **job.settings
        )
    seconds = process_time() - began
    settled = [layer.settled for layer in genotype.layers]
    accuracy = genotype.search.get("supernet_accuracy")
    return {"directions": genotype.directions, "settled": settled, "supernet": accuracy, "seconds": seconds}


@dataclass(frozen=True)
class Rate:
    """How long an epoch of a strategy's supernet lasts, and a judgement."""

    strategy: str
    tiny: bool

    @property
    def key(self) -> str:
        """The job in the record."""
        return f"rate {self.strategy}{' tiny' if self.tiny else ''}"


def rate(job: Rate) -> dict[str, float]:
    """Epochs and judgements of a strategy in trainings' epochs: each is timed beside one of these, in rounds of which the median counts."""
    task = Task(ORDERS[0])
    few, many = (1, 2) if job.tiny else (2, 6)
    least, most = (2, 4) if job.tiny else (20, 120)

    def timed(epochs: int, judged: int) -> float:
        return float(find(Search(task, job.strategy, 0, epochs, judged, job.tiny))["seconds"])

    def measured() -> tuple[float, float]:
        alone = train(Training(task, [["h"]] * LAYERS, 0, job.tiny))["seconds"] / (1 if job.tiny else EPOCHS)
        first = timed(few, least)
        epoch = (timed(many, least) - first) / (many - few)
        judgement = (timed(few, most) - first) / (most - least) if judges(job.strategy) else 0.0
        return epoch / alone, judgement / alone

    with curves(task.answer, tiny=job.tiny):
        epoch, judgement = map(median, zip(*(measured() for _ in range(1 if job.tiny else ROUNDS)), strict=True))
    return {"epoch": max(epoch, 0.1), "judgement": max(judgement, 0.0)}
