"""What a benchmark gives: the samples of ours and of its peers, as a table, as JSON, and against the ratios promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from rich.table import Table
from rich.text import Text

TARGETS: dict[tuple[str, str], dict[str, float]] = {
    ("scan", "c"): {"time-major": 6, "mambapy": 35, "unbind": 25},
    ("step", "micro"): {"looped time-major": 5, "looped mambapy": 9},
    ("derived", "nano step"): {"looped time-major": 6},
    **{
        ("derived", f"{model} {what}"): {"looped time-major": 4}
        for model in ("LocalVim-T", "LocalVMamba-T")
        for what in ("inference", "step")
    },
    ("derived", "LocalVMamba supernet"): {"looped time-major": 5},
    **{
        ("update", f"{model} {case}"): {"torch's AdamW": 0.97}
        for model in ("nano", "micro")
        for case in ("mixture of 8", "4 of 8", "4 of 32")
    },
}
"""How many times as long as ours each peer must take at least, for each benchmark and case: what docs/benchmarks.md says, and a fifth less,
by which another hour moves a ratio. What was aimed at beyond that stands there, too."""


class Result(Protocol):
    """What every benchmark gives."""

    @property
    def title(self) -> str:
        """The line above the table."""

    def table(self) -> Table:
        """What was measured."""

    def missed(self) -> list[str]:
        """One line for each promise that does not hold."""

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON data, with every sample."""


@dataclass(frozen=True)
class Comparison:
    """Samples of one quantity, ours and our peers'.

    Args:
        benchmark: Its name on the command line.
        case: What was measured: a shape or a model by its short name.
        title: The line above the table.
        unit: Unit of the samples: ``"ms"``, ``"ms an image"``, ``"us"`` or ``"MB"``.
        samples: Samples by name; ours is the first.
        absent: Peers that could not be measured, each with the reason.
    """

    benchmark: str
    case: str
    title: str
    unit: str
    samples: dict[str, list[float]]
    absent: dict[str, str]

    @property
    def ours(self) -> str:
        """The name that the peers are compared with."""
        return next(iter(self.samples))

    def ratio(self, name: str) -> float:
        """How many times the median of ours the median of ``name`` is."""
        return median(self.samples[name]) / median(self.samples[self.ours])

    @property
    def targets(self) -> dict[str, float]:
        """The least ratio promised for each peer."""
        return TARGETS.get((self.benchmark, self.case), {})

    def missed(self) -> list[str]:
        """One line for each promise that does not hold, or was not measured."""
        where = f"{self.benchmark} {self.case}"
        lines = [
            f"{where}: {name} must take at least {least:g} times as long as {self.ours}, but was not measured "
            f"({self.absent.get(name, 'unknown peer')})"
            for name, least in self.targets.items()
            if name not in self.samples
        ]
        return lines + [
            f"{where}: {name} must take at least {least:g} times as long as {self.ours}, but takes {times(self.ratio(name))}"
            for name, least in self.targets.items()
            if name in self.samples and self.ratio(name) < least
        ]

    def table(self) -> Table:
        """Median, minimum and ratio of each, with the promise where there is one."""
        once = all(len(values) == 1 for values in self.samples.values())
        columns = [self.unit] if once else [f"median {self.unit}", f"min {self.unit}"]
        made = plain_table(["", *columns, f"x {self.ours}", *(["promised"] if self.targets else [])])
        for name, values in self.samples.items():
            figures = [median(values)] if once else [median(values), min(values)]
            promise = [f">= {self.targets[name]:g}"] if name in self.targets else []
            made.add_row(name, *(f"{value:,.1f}" for value in figures), times(self.ratio(name)), *promise)
        made.caption, made.caption_justify = not_run(self.absent), "left"
        return made

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON data, with every sample."""
        rows = [
            {"name": name, "median": median(values), "min": min(values), "ratio": self.ratio(name), "samples": values}
            for name, values in self.samples.items()
        ]
        facts = {"benchmark": self.benchmark, "case": self.case, "title": self.title, "unit": self.unit}
        return {**facts, "rows": rows, "absent": self.absent, "missed": self.missed()}


def times(ratio: float) -> str:
    """A ratio for a table; where it is about 1, hundredths count."""
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}"


def plain_table(columns: Sequence[str]) -> Table:
    """A table without lines; all columns but the first hold numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        made.add_column(column, justify="right" if i else "left", no_wrap=True)
    return made


def not_run(absent: dict[str, str]) -> Text | None:
    """The reasons of those that could not run, a line each, longer than the table is wide; what is in brackets is no markup."""
    lines = "\n".join(f"{name} did not run: {reason}" for name, reason in absent.items())
    return Text(lines, no_wrap=True, overflow="ignore") if absent else None
