"""How long a step of a search takes on this machine: measured on its first steps, if that is quick."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import torch

from scansearch.searching.loop import SearchLoop

MOST_STEPS = 5
LONGEST_S = 3.0
"""Seconds that the measured steps may take together, but for the last one."""
LONGEST_STEP_S = 5.0
"""Seconds of a step that is not even tried."""
PASSES = 3
"""Forward passes that take as long as a step, roughly: a backward pass counts as two."""


class StepTime(NamedTuple):
    """What was measured.

    Args:
        steps: How many steps, after a first one that does not count; 0 if none was measured.
        seconds: Of one of them, on average.
        reason: Why nothing was measured.
    """

    steps: int = 0
    seconds: float | None = None
    reason: str = ""


def measure(loop: SearchLoop, processes: int, clock: Callable[[], float] = perf_counter) -> StepTime:
    """Takes the first steps of a search, which must not go on afterwards. Nothing is written.

    Args:
        loop: The search before its first step.
        processes: How many there would be.
        clock: Seconds.
    """
    steps = min(MOST_STEPS, loop.plan.steps - 1)
    if not loop.strategy.traits.trains_supernet:
        return StepTime(reason="how long networks train from scratch is not measured")
    if processes > 1:
        return StepTime(reason=f"it is not measured for {processes} processes")
    if steps < 1:
        return StepTime(reason="there is a single step")
    if (least := _least(loop, clock)) > LONGEST_STEP_S:
        return StepTime(
            reason=f"a step is too long to be measured, about {least:,.0f} s by the forward pass of a few images"
        )
    _step(loop, clock)
    times: list[float] = []
    while len(times) < steps and sum(times) < LONGEST_S:
        times.append(_step(loop, clock))
    return StepTime(len(times), sum(times) / len(times))


def _least(loop: SearchLoop, clock: Callable[[], float]) -> float:
    """Seconds of a step, roughly, from the forward pass of few images, and of more as long as that is quick."""
    images = loop.feed.train(0).images
    _forward(loop, images[:1], clock)  # the first one compiles
    count = 1
    while True:
        seconds = _forward(loop, images[:count], clock)
        step = PASSES * seconds * len(images) / count
        if step <= LONGEST_STEP_S or PASSES * seconds > LONGEST_STEP_S / 4 or count == len(images):
            return step
        count = min(4 * count, len(images))


def _forward(loop: SearchLoop, images: torch.Tensor, clock: Callable[[], float]) -> float:
    loop.supernet.eval()
    start = clock()
    with torch.no_grad(), loop.fabric.autocast():
        loop.supernet(images, loop.strategy.evaluation()).sum().item()
    return clock() - start


def _step(loop: SearchLoop, clock: Callable[[], float]) -> float:
    start = clock()
    loop.advance()
    loop.meter.settle()  # a GPU works behind the caller's back
    return clock() - start
