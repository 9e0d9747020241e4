"""The state of a search between two steps: everything that makes the next one, as a checkpoint holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scansearch.runs.restore import (
    check_generators,
    check_keys,
    check_like,
    check_weights,
    generators,
    numbers,
    restore_generators,
    restoring,
    whole,
)
from scansearch.searching.rows import score_rows
from scansearch.training.optimizer import load_optimizer

if TYPE_CHECKING:
    from scansearch.searching.loop import SearchLoop

KEYS = ("step", "judged", "tuned", "sums", "supernet", "optimizer", "strategy", "history", "random")
LARGEST_COUNT = 10**9 - 1


def state_of(loop: SearchLoop) -> dict[str, Any]:
    """Tensors, numbers, lists and dicts."""
    return {
        "step": loop.step,
        "judged": loop.judged,
        "tuned": loop.tuned,
        "sums": loop.sums,
        "supernet": dict(loop.supernet.state_dict()),
        "optimizer": loop.optimizer.state_dict(),
        "strategy": loop.strategy.state_dict(),
        "history": loop.history.state_dict(),
        "random": generators(),
    }


def restore_state(loop: SearchLoop, state: dict[str, Any]) -> None:
    """Takes back what ``state_of`` gave, once all of it has been checked.

    Raises:
        RunFolderError: If it is not the state of such a search.
    """
    with restoring(loop.folder.path):
        check_keys(state, KEYS, "its state")
        loop.step = whole(state["step"], 0, loop.plan.steps, "the step")
        loop.judged, loop.tuned = (whole(state[key], 0, LARGEST_COUNT, key) for key in ("judged", "tuned"))
        loop.sums = numbers(state["sums"], 3, "sums")
        check_weights(state["supernet"], loop.supernet)
        check_generators(state["random"])
        loop.history.load_state_dict(state["history"], loop.step // loop.plan.steps_per_epoch)
        loop.supernet.load_state_dict(state["supernet"])
        load_optimizer(loop.optimizer, state["optimizer"])
        check_like(state["strategy"], loop.strategy.state_dict(), "the strategy's state")
        loop.strategy.load_state_dict(state["strategy"])
        score_rows(loop.space, 0, loop.strategy.scores(), loop.strategy.choose())  # a row for every candidate
        restore_generators(state["random"])
