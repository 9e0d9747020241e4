"""The progress of a run on a terminal or in a notebook: one bar, one line an epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from typing_extensions import override

from scansearch.display.lines import SEARCH, lines_of
from scansearch.display.plain import plain
from scansearch.errors import explained
from scansearch.shape import measure_text
from scansearch.training.events import Listener
from scansearch.training.events import Progress as Standing

REDRAW = 0.5
"""Seconds between two drawings of the bar in a notebook."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = sys.modules.get("IPython")
    return "ipykernel" in sys.modules and shell is not None and shell.get_ipython() is not None


@contextmanager
def display(console: Console | None = None) -> Iterator[Shielded]:
    """Shows a run as long as the block lasts: on ``console``, or where this process shows things.

    A display that fails costs the run nothing; the listener tells why it failed.
    """
    notebook = console is None and in_notebook()
    shown: RichListener = NotebookListener() if notebook else RichListener(console or Console(highlight=False))
    shield = Shielded(shown)
    shield.attempt(shown.__enter__)
    try:
        yield shield
    finally:
        shield.attempt(shown.__exit__, None, None, None)


class Shielded(Listener):
    """Passes events on until that fails, and then no more: a search does not end because it cannot be shown.

    Args:
        listener: Who is told.
    """

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.failure: str | None = None

    def attempt(self, tell: Callable[..., Any], *arguments: Any) -> None:
        """Calls ``tell`` unless something failed before."""
        if self.failure is None:
            try:
                tell(*arguments)
            except (
                Exception
            ) as error:  # a full disk behind a pipe, a terminal that has gone, a defect in a progress bar
                self.failure = explained(error)

    @override
    def checked(self, done: int, most: int) -> None:
        self.attempt(self.listener.checked, done, most)

    @override
    def started(self, facts: Mapping[str, Any], progress: Standing) -> None:
        self.attempt(self.listener.started, facts, progress)

    @override
    def stepped(self, progress: Standing) -> None:
        self.attempt(self.listener.stepped, progress)

    @override
    def epoch_done(self, row: Mapping[str, Any]) -> None:
        self.attempt(self.listener.epoch_done, row)

    @override
    def judged(self, done: int, most: int, accuracy: float) -> None:
        self.attempt(self.listener.judged, done, most, accuracy)

    @override
    def tuned(self, done: int, most: int) -> None:
        self.attempt(self.listener.tuned, done, most)

    @override
    def warned(self, message: str) -> None:
        self.attempt(self.listener.warned, message)


class RichListener(Listener):
    """Shows a run with loss, accuracy and time left; without a terminal, only a line an epoch."""

    kind: type[Progress] = Progress

    def __init__(self, console: Console) -> None:
        self.console, self.lines = console, SEARCH
        self.best, self.measure = 0.0, "accuracy"
        self.bar = self.kind(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("loss {task.fields[loss]:.3f}  {task.fields[measure]} {task.fields[accuracy]:.1%}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        begun: dict[str, Any] = {"epoch": "", "loss": 0.0, "measure": "accuracy", "accuracy": 0.0}
        self.task = self.bar.add_task("search", total=None, start=False, **begun)

    def __enter__(self) -> RichListener:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    @override
    def checked(self, done: int, most: int) -> None:
        self.bar.update(self.task, total=most, completed=done, epoch=f"checking image {done:,} of {most:,}")

    @override
    def started(self, facts: Mapping[str, Any], progress: Standing) -> None:
        self.measure = measure_text(facts["measure"])
        self.lines = lines_of(facts)
        self.console.print(self.lines.beginning(facts, progress))
        self.console.print(self.lines.header(facts), style="bold")
        self.bar.reset(self.task, total=progress.steps, completed=progress.step, **self._fields(progress))

    @override
    def stepped(self, progress: Standing) -> None:
        self.bar.update(self.task, completed=progress.step, **self._fields(progress))

    @override
    def epoch_done(self, row: Mapping[str, Any]) -> None:
        self.console.print(self.lines.epoch(row))

    @override
    def judged(self, done: int, most: int, accuracy: float) -> None:
        self.best = max(self.best, accuracy)
        self._chose("choosing", done, most)

    @override
    def tuned(self, done: int, most: int) -> None:
        self._chose("fine-tuning", done, most)

    @override
    def warned(self, message: str) -> None:
        self.console.print(f"[yellow]note:[/] {plain(message)}")

    def _chose(self, what: str, done: int, most: int) -> None:
        best: dict[str, Any] = {"epoch": what, "loss": 0.0, "measure": self.measure, "accuracy": self.best}
        self.bar.update(self.task, total=most, completed=done, **best)

    @staticmethod
    def _fields(progress: Standing) -> dict[str, Any]:
        standing = {"loss": progress.loss, "measure": "accuracy", "accuracy": progress.accuracy}
        return {"epoch": f"{progress.epoch}/{progress.epochs}", **standing}


class NotebookBar(Progress):
    """A bar that is drawn anew in its place, as notebooks can without widgets; rich's own live display needs them."""

    handle: Any = None
    drawn = 0.0

    def start(self) -> None:
        """Draws the bar."""
        from IPython.display import display as show

        self.handle = show(self, display_id=True)

    def update(self, *arguments: Any, **fields: Any) -> None:
        """Moves the bar, and draws it if it was not drawn just now."""
        super().update(*arguments, **fields)
        if self.handle is not None and time.monotonic() - self.drawn > REDRAW:
            self.stop()

    def stop(self) -> None:
        """Draws how the bar stands."""
        self.handle.update(self)
        self.drawn = time.monotonic()


class NotebookListener(RichListener):
    """The same in a notebook: the lines as text, the bar above them."""

    kind = NotebookBar

    def __init__(self) -> None:
        super().__init__(Console(highlight=False, force_jupyter=True))
