"""The progress of several searches at a time."""

from io import StringIO

import pytest
from rich.console import Console

from scansearch.display.bars import Bars
from scansearch.training.events import Progress

STANDING = Progress(2, 3, 4, 9, 0.5, 0.25)
FACTS = {"resumed": False, "images": 1234}


@pytest.fixture(params=[True, False], ids=["terminal", "pipe"])
def shown(request):
    """Bars, what they write, and whether a terminal shows them."""
    file = StringIO()
    return (
        Bars(Console(file=file, width=160, force_terminal=request.param, color_system=None), "half"),
        file,
        request.param,
    )


def test_each_search_has_a_bar_or_a_line(shown):
    bars, file, terminal = shown
    with bars.progress:
        for number in (1, 2):
            bars.listener(number).started(FACTS, STANDING)
    text = file.getvalue()
    if terminal:
        assert "half 2 " in text
        assert "epoch 2/3  loss 0.500  accuracy 25.0%" in text
    else:
        assert text.splitlines() == [f"half {n} begins, 3 epochs; 1,234 training images" for n in (1, 2)]


def test_a_search_that_goes_on_says_from_where(shown):
    bars, file, terminal = shown
    bars.listener(1).started({**FACTS, "resumed": True}, STANDING)
    assert ("half 1 goes on at step 4; 1,234 training images" in file.getvalue()) != terminal


def test_every_phase_moves_the_bar(shown):
    bars, _, _ = shown
    told = bars.listener(1)
    for event, standing in (
        (lambda: told.checked(1, 4), "checking image 1 of 4"),
        (lambda: told.judged(2, 4, 0.5), "choosing, genotype 2 of 4"),
        (lambda: told.tuned(3, 4), "fine-tuning, update 3 of 4"),
    ):
        event()
        (task,) = bars.progress.tasks
        assert task.fields["standing"] == standing
        assert task.total == 4
    told.epoch_done({})


def test_what_all_say_is_shown_once(shown):
    bars, file, _ = shown
    for number in (0, 1, 2):
        bars.listener(number).warned("[/] \x1b[2J is odd")
    assert file.getvalue() == "note: [/] \\x1b[2J is odd\n"
