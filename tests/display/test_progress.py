"""The progress of a run on a terminal."""

from io import StringIO

import pytest
from rich.console import Console

from scansearch.display.progress import RichListener, Shielded
from scansearch.training.events import Progress


@pytest.fixture
def shown():
    """A listener, and what it writes."""
    file = StringIO()
    return RichListener(Console(file=file, width=200, force_terminal=True, color_system=None)), file


def test_the_bar_tells_how_many_images_were_checked(shown):
    listener, file = shown
    with listener:
        listener.checked(1_600, 40_000)
    assert "checking image 1,600 of 40,000" in file.getvalue()


def test_a_warning_is_shown_as_it_is(shown):
    listener, file = shown
    listener.warned("of [hv], \x1b[2J and [/] nothing is left")
    assert file.getvalue() == "note: of [hv], \\x1b[2J and [/] nothing is left\n"


def test_a_display_that_fails_is_told_nothing_more(shown):
    listener, file = shown
    shield = Shielded(listener)
    shield.epoch_done({})
    shield.warned("lost")
    assert (shield.failure, file.getvalue()) == ("KeyError: 'epoch'", "")


@pytest.mark.parametrize("gradual", [True, False])
def test_a_search_that_chooses_at_the_end_shows_no_choice_before(gradual, shown):
    listener, file = shown
    facts = {"model": "m", "layers": 1, "candidates": [2], "keep": [1], "genotypes": 1, "parameters": 3, "images": 4}
    facts |= {"device": "cpu", "scan_backend": "cpu", "measure": "accuracy", "resumed": False, "gradual": gradual}
    listener.started(facts, Progress(0, 1, 0, 1, 0.0, 0.0))
    assert "(1 genotype)" in file.getvalue()
    assert ("margin" in file.getvalue()) == gradual
