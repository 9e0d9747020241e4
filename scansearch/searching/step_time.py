"""How long a step of a search takes on this machine: measured, or from the times of smaller ones if it would take long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import NamedTuple

FEWEST, GROWTH = 2, 4
"""Images of the first step that is timed, and how many times as many the next one has."""
MOST_STEPS, MOST_SMALL_STEPS = 5, 3
LONGEST_S = 3.0
"""Seconds that the steps of a batch may take together, but for the last one."""
LONGEST_STEP_S = 5.0
"""Seconds of a step that is not even tried."""


class StepTime(NamedTuple):
    """What was measured.

    Args:
        seconds: Of a step with the whole batch.
        steps: How many steps of the last batch were timed.
        batches: Images in the steps that it follows from: the whole batch, or smaller ones, through which a line is laid.
    """

    seconds: float
    steps: int
    batches: tuple[int, ...]


def measure(step: Callable[[int], None], batch: int, most: int, clock: Callable[[], float] = perf_counter) -> StepTime:
    """Times steps of growing batches, up to the whole one if that takes a few seconds at most.

    Args:
        step: Takes a step with so many images.
        batch: Images in the whole batch.
        most: Images that fit into memory.
        clock: Seconds.
    """
    images = min(FEWEST, batch)
    step(images)  # the first one compiles
    points: list[tuple[int, float]] = []
    while True:
        times = _times(step, images, MOST_STEPS if images == batch else MOST_SMALL_STEPS, clock)
        points = [*points[-1:], (images, median(times))]
        if images == batch:
            return StepTime(sum(times) / len(times), len(times), (batch,))
        further = min(GROWTH * images, batch)
        longest = LONGEST_STEP_S * (1 if points[1:] else GROWTH)  # of a line, two points are needed
        if further > most or _line(points, further) > longest:
            return StepTime(_line(points, batch), len(times), tuple(count for count, _ in points))
        images = further


def _times(step: Callable[[int], None], images: int, most: int, clock: Callable[[], float]) -> list[float]:
    times: list[float] = []
    while len(times) < most and sum(times) < LONGEST_S:
        start = clock()
        step(images)
        times.append(clock() - start)
    return times


def _line(points: Sequence[tuple[int, float]], images: int) -> float:
    """Seconds of a step of so many images, by the line through what was measured."""
    count, seconds = points[-1]
    if len(points) == 1:
        return seconds * images / count
    fewer, before = points[0]
    return seconds + max(0.0, seconds - before) / (count - fewer) * (images - count)
