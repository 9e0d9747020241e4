"""The progress of a run on a terminal: one bar, one line an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from scansearch.engine.events import Progress as Standing

EPOCH_HEADER = "epoch  train loss     acc  val loss     acc  entropy    margin  changes"
"""``margin`` is the smallest of all layers; ``changes`` counts directions that are new since the epoch before."""


class RichListener:
    """Shows a run with loss, accuracy and time left; without a terminal, only a line an epoch."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.best = 0.0
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("loss {task.fields[loss]:.3f}  accuracy {task.fields[accuracy]:.1%}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("search", total=None, epoch="", loss=0.0, accuracy=0.0, start=False)

    def __enter__(self) -> RichListener:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def checked(self, done: int, most: int) -> None:
        """Shows how many image files were checked."""
        self.bar.update(self.task, total=most, completed=done, epoch=f"checking image {done:,} of {most:,}")

    def started(self, facts: Mapping[str, Any], progress: Standing) -> None:
        """Prints what will be searched."""
        verb = (
            f"resuming at step {progress.step} of {progress.steps}" if facts["resumed"] else f"{progress.epochs} epochs"
        )
        candidates, keep = "/".join(map(str, facts["candidates"])), " to ".join(map(str, facts["keep"]))
        genotypes = Decimal(facts["genotypes"])  # may lie beyond the floats
        self.console.print(
            f"[bold]{facts['model']}[/]: {facts['layers']} layers, each keeps {keep} of {candidates} directions "
            f"({genotypes:.3g} genotypes); supernet of {facts['parameters']:,} parameters; "
            f"{facts['images']:,} training images; {verb}; {facts['device']}, scan backend {facts['scan_backend']}"
        )
        self.console.print(EPOCH_HEADER, style="bold")
        self.bar.reset(self.task, total=progress.steps, completed=progress.step, **self._fields(progress))

    def stepped(self, progress: Standing) -> None:
        """Moves the bar."""
        self.bar.update(self.task, completed=progress.step, **self._fields(progress))

    def epoch_done(self, row: Mapping[str, Any]) -> None:
        """Prints one line of the epoch."""
        self.console.print(
            f"{row['epoch']:>5}  {row['train_loss']:>10.3f}  {row['train_accuracy']:>6.1%}  "
            f"{row['val_loss']:>8.3f}  {row['val_accuracy']:>6.1%}  "
            f"{row['entropy']:>7.3f}  {row['margin']:>8.1e}  {row['genotype_changes']:>7}"
        )

    def judged(self, done: int, most: int, accuracy: float) -> None:
        """Shows how far the choice among trained sub-networks is; ``most`` may turn out to be too many."""
        self.best = max(self.best, accuracy)
        self.bar.update(self.task, total=most, completed=done, epoch="choosing", loss=0.0, accuracy=self.best)

    def tuned(self, done: int, most: int) -> None:
        """Shows how far the fine-tuning between decisions is."""
        self.bar.update(self.task, total=most, completed=done, epoch="fine-tuning", loss=0.0, accuracy=self.best)

    def warned(self, message: str) -> None:
        """Prints a warning."""
        self.console.print(f"[yellow]note:[/] {escape(message)}")

    @staticmethod
    def _fields(progress: Standing) -> dict[str, Any]:
        return {"epoch": f"{progress.epoch}/{progress.epochs}", "loss": progress.loss, "accuracy": progress.accuracy}
