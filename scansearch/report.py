"""Reports: figures of a run or of a genotype, drawn without a display."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scansearch.errors import ScansearchError
from scansearch.files import write_bytes
from scansearch.genotype import Genotype
from scansearch.registry import REPORTS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DPI = 220
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "scansearch",
}
"""Text in an SVG stays text, and the same figure gives the same file."""


@dataclass(frozen=True)
class ReportSource:
    """What a report draws.

    Args:
        run: A run folder, if there is one.
        genotype: A genotype, if there is one yet.
        title: Title of the figures.
    """

    run: Path | None
    genotype: Genotype | None
    title: str

    @classmethod
    def open(cls, path: str | Path) -> ReportSource:
        """A run folder or a genotype file.

        Raises:
            ScansearchError: If it is neither.
        """
        path = Path(path)
        if not path.is_dir():
            return cls(None, Genotype.load(path), path.stem)
        if not (path / "config.toml").is_file():
            raise ScansearchError(f"{path} holds no run (it has no config.toml); give a run folder or a genotype file")
        found = path / "genotype.json"
        return cls(path, Genotype.load(found) if found.is_file() else None, path.resolve().name)

    def table(self, name: str) -> pd.DataFrame | None:
        """A table of the run, for example ``metrics.csv``; ``None`` if it has no row yet."""
        import pandas as pd

        if self.run is None or not (self.run / name).is_file():
            return None
        table = pd.read_csv(self.run / name)
        return None if table.empty else table


@dataclass(frozen=True)
class Report:
    """A figure that can be asked for by name.

    Args:
        name: Its name; also the name of its files.
        description: One line for listings.
        draw: Draws the figure.
        applies: ``None`` if the source has what the figure needs, else the reason why not.
    """

    name: str
    description: str
    draw: Callable[[ReportSource], Figure]
    applies: Callable[[ReportSource], str | None]


def render(source: ReportSource, folder: Path, names: Sequence[str] | None = None) -> list[Path]:
    """Draws reports and writes each as PNG and SVG.

    Args:
        source: What to draw.
        folder: Where the files go.
        names: Which reports; by default all that apply to the source.

    Returns:
        The files written.

    Raises:
        ScansearchError: If a report asked for by name does not apply, or none does.
    """
    reports = [REPORTS.get(name) for name in names or REPORTS.names()]
    problems = {report.name: report.applies(source) for report in reports}
    refused = {name: reason for name, reason in problems.items() if reason is not None}
    if refused and (names or len(refused) == len(reports)):
        name, reason = next(iter(refused.items()))
        raise ScansearchError(f"{source.title}: no {name}: {reason}")
    return [path for report in reports if problems[report.name] is None for path in _write(report, source, folder)]


def _write(report: Report, source: ReportSource, folder: Path) -> list[Path]:
    import matplotlib as mpl

    paths = []
    with mpl.rc_context(STYLE):
        figure = report.draw(source)
        for suffix, options in (("png", {"dpi": DPI}), ("svg", {"metadata": {"Date": None}})):
            data = io.BytesIO()
            figure.savefig(data, format=suffix, bbox_inches="tight", **options)
            paths.append(folder / f"{report.name}.{suffix}")
            write_bytes(paths[-1], data.getvalue())
    return paths
