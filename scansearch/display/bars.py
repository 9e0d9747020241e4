"""The progress of several searches at a time: a bar each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from typing_extensions import override

from scansearch.display.lines import epochs
from scansearch.display.plain import plain
from scansearch.display.progress import NotebookBar, Shielded, in_notebook
from scansearch.training.events import Listener
from scansearch.training.events import Progress as Standing


class Bars:
    """A bar for each search, made when it is first heard of; without a terminal, a line at its beginning.

    Args:
        console: Where they are drawn.
        name: What the searches are called, before their numbers.
    """

    def __init__(self, console: Console, name: str) -> None:
        self.console, self.name, self.told = console, name, set[str]()
        self.progress = (NotebookBar if in_notebook() else Progress)(
            TextColumn("{task.fields[owner]}"),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.fields[standing]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not (console.is_terminal or console.is_jupyter),
        )

    def listener(self, number: int) -> Listener:
        """Who is told about a search; 0 only passes on what the user should know."""
        return Shielded(_Told(self, number))


class _Told(Listener):
    def __init__(self, bars: Bars, number: int) -> None:
        self.bars, self.number = bars, number
        self.task: TaskID | None = None

    def _show(self, done: int, most: int, standing: str) -> None:
        progress = self.bars.progress
        if self.task is None:
            owner = f"{self.bars.name} {self.number}" if self.number else "images"
            self.task = progress.add_task("", total=most, owner=owner, standing=standing)
        progress.update(self.task, completed=done, total=most, standing=standing)

    @override
    def checked(self, done: int, most: int) -> None:
        self._show(done, most, f"checking image {done:,} of {most:,}")

    @override
    def started(self, facts: Mapping[str, Any], progress: Standing) -> None:
        if not self.bars.console.is_terminal:
            on = f"goes on at step {progress.step}" if facts["resumed"] else f"begins, {epochs(progress.epochs)}"
            self.bars.console.print(f"{self.bars.name} {self.number} {on}; {facts['images']:,} training images")
        self.stepped(progress)

    @override
    def stepped(self, progress: Standing) -> None:
        standing = (
            f"epoch {progress.epoch}/{progress.epochs}  loss {progress.loss:.3f}  accuracy {progress.accuracy:.1%}"
        )
        self._show(progress.step, progress.steps, standing)

    @override
    def epoch_done(self, row: Mapping[str, Any]) -> None:
        """The bar says it."""

    @override
    def judged(self, done: int, most: int, accuracy: float) -> None:
        self._show(done, most, f"choosing, genotype {done:,} of {most:,}")

    @override
    def tuned(self, done: int, most: int) -> None:
        self._show(done, most, f"fine-tuning, update {done:,} of {most:,}")

    @override
    def warned(self, message: str) -> None:
        if message not in self.bars.told:  # what one half says of the model, say, all do
            self.bars.told.add(message)
            self.bars.console.print(f"[yellow]note:[/] {plain(message)}", soft_wrap=True)


@contextmanager
def bars(name: str, console: Console | None = None) -> Iterator[Bars]:
    """Shows searches as long as the block lasts."""
    shown = Bars(console or Console(highlight=False), name)
    shown.progress.start()
    try:
        yield shown
    finally:
        shown.progress.stop()
