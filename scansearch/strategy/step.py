"""What the loop gives a strategy: the plan of the search, and what it may use in one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.training.batch import Batch


@dataclass(frozen=True)
class Plan:
    """How long the search will be.

    Args:
        epochs: Epochs of the search.
        steps_per_epoch: Weight updates in an epoch.
        seed: Seed of the run.
        subject: What is trained and on what, by name (model, images, training, ...): accuracies are comparable if it is equal.
    """

    epochs: int
    steps_per_epoch: int
    seed: int
    subject: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Weight updates of the whole search."""
        return self.epochs * self.steps_per_epoch


class Distillation(NamedTuple):
    """What a step trains beside its own selection, on the same batch; the gradients add up.

    Args:
        students: Selections of all layers that learn what the teacher predicts, not the labels.
        teacher: Learns from the labels, and teaches; ``None``: the step's own selection does.
    """

    students: list[list[Selection]]
    teacher: list[Selection] | None = None


@dataclass(frozen=True)
class Step:
    """What a strategy may use in one step.

    Args:
        number: Weight updates so far, from 0.
        schedule: The learning-rate schedule's factor at this step, between 0 and 1.
        train: The batch that the weights learn from.
        make_held_out: Makes a batch of the held-out part of the training data; ``None`` if the strategy wants none held out.
        loss: ``loss(batch, selections)`` runs the supernet and returns the training loss, for ``backward``.
        raw_loss: The same for ``torch.autograd.grad``, which the wrappers for precision and processes do not know.
        recent: ``recent(n)`` gives the last n batches that alpha may learn from (held-out ones if there are any), or fewer.
        optimizer: The weights' optimiser.
        backward: Back-propagates a loss (through the precision plug-in).
        mean: Averages tensors over all processes: gradients that ``backward`` did not make need it.
    """

    number: int
    schedule: float
    train: Batch
    make_held_out: Callable[[], Batch] | None
    loss: Callable[[Batch, Sequence[Selection]], torch.Tensor]
    raw_loss: Callable[[Batch, Sequence[Selection]], torch.Tensor]
    recent: Callable[[int], list[Batch]]
    optimizer: torch.optim.Optimizer
    backward: Callable[[torch.Tensor], None]
    mean: Callable[[Sequence[torch.Tensor]], list[torch.Tensor]] = list

    @cached_property
    def held_out(self) -> Batch | None:
        """A batch of the held-out part, made when it is asked for first; ``None`` if there is no such part."""
        return None if self.make_held_out is None else self.make_held_out()
