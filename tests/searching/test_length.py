"""A search that is too short to mean anything says so when it begins."""

from __future__ import annotations

import pytest

from scansearch.searching.length import FEW, length_notes
from scansearch.strategy import Plan, Traits


@pytest.mark.parametrize(("steps", "trained", "told"), [(FEW - 1, True, 1), (FEW, True, 0), (1, False, 0)])
def test_few_updates_of_a_supernet_are_told(steps: int, trained: bool, told: int) -> None:
    notes = length_notes(Plan(1, steps, 0), Traits(trains_supernet=trained))
    assert len(notes) == told
    assert all(note.startswith(f"few updates of the weights, {steps}: ") for note in notes)
