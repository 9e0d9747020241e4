"""Reports: figures of a run or of a genotype. Each is a plug-in that draws one matplotlib figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from scansearch.errors import ScansearchError
from scansearch.files import read_bytes
from scansearch.genotype import Genotype
from scansearch.registry import REPORTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

COLUMNS = {
    "metrics.csv": ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy"),
    "layers.csv": ("epoch", "layer", "entropy", "margin"),
    "scores.csv": ("epoch", "layer", "direction", "probability", "kept"),
    "genotypes.csv": ("number", "accuracy", "directions"),
}
MAX_TABLE_BYTES = 256 * 1024 * 1024
TEXT = {"direction", "directions"}  # columns that hold no numbers


@dataclass(frozen=True)
class ReportSource:
    """What a report is about.

    Args:
        run: The run folder, if there is one.
        genotype: The genotype, if there is one yet.
        title: Heading of the figures.
    """

    run: Path | None
    genotype: Genotype | None
    title: str

    @classmethod
    def open(cls, path: str | Path) -> ReportSource:
        """A source from a run folder, finished or not, or from a genotype file.

        Raises:
            ScansearchError: If there is nothing to report on, or the genotype is bad.
        """
        path = Path(path)
        if not path.is_dir():
            return cls(run=None, genotype=Genotype.load(path), title=path.stem)
        found = path / "genotype.json"
        if not found.is_file() and not any((path / name).is_file() for name in COLUMNS):
            raise ScansearchError(
                f"{path} holds no run (neither genotype.json nor {', '.join(COLUMNS)}); name a run folder or a genotype file"
            )
        genotype = Genotype.load(found) if found.is_file() else None
        return cls(run=path, genotype=genotype, title=path.resolve().name)

    @cached_property
    def metrics(self) -> DataFrame:
        """``metrics.csv``, a row an epoch; empty if there is none yet."""
        return self._table("metrics.csv")

    @cached_property
    def layers(self) -> DataFrame:
        """``layers.csv``, a row a layer and epoch; empty if there is none yet."""
        return self._table("layers.csv")

    @cached_property
    def scores(self) -> DataFrame:
        """``scores.csv``, a row a direction, layer and epoch; empty if there is none yet."""
        return self._table("scores.csv")

    @cached_property
    def genotypes(self) -> DataFrame:
        """``genotypes.csv``, a row a judged genotype; empty if none was."""
        return self._table("genotypes.csv")

    @property
    def unfinished(self) -> str:
        """Why there is no genotype, and what to do about it."""
        return f"this run has no genotype yet; finish it with `scansearch resume {self.run}`"

    def _table(self, name: str) -> DataFrame:
        import pandas as pd

        if self.run is None or not (self.run / name).is_file():
            return pd.DataFrame(columns=list(COLUMNS[name]))
        path = self.run / name
        content = read_bytes(path, "table", MAX_TABLE_BYTES)
        try:
            table = pd.read_csv(BytesIO(content))
        except ValueError as error:  # pandas' parser errors and undecodable bytes are ValueErrors
            reason = (str(error).splitlines() or ["empty"])[0]
            raise ScansearchError(
                f"{path}: cannot read this table: {reason}; restore it or start the run anew"
            ) from error
        missing = [column for column in COLUMNS[name] if column not in table]
        if missing:
            raise ScansearchError(
                f"{path}: a table of a run has the columns {', '.join(COLUMNS[name])}, but {missing[0]} is missing; "
                f"restore it or start the run anew"
            )
        _check_numbers(table, path, [column for column in COLUMNS[name] if column not in TEXT])
        return table


def _check_numbers(table: DataFrame, path: Path, columns: list[str]) -> None:
    import pandas as pd

    for column in columns:
        table[column] = numbers = pd.to_numeric(table[column], errors="coerce")
        if numbers.isna().any():
            line = int(numbers.isna().to_numpy().argmax()) + 2  # the header is line 1
            raise ScansearchError(
                f"{path}: line {line} has no number for {column}; restore the table or start the run anew"
            )


def presentable(genotype: Genotype) -> Genotype:
    """The genotype with a row for every direction that it keeps, and scores of its rows only.

    A genotype written by other hands may keep, and score, what its space does not list.
    """
    kept = [name for layer in genotype.layers for name in layer.directions]
    rows = list(dict.fromkeys([*genotype.candidates, *kept]))
    layers = []
    for layer in genotype.layers:
        scores = {name: value for name, value in layer.scores.items() if name in rows}
        layers.append(layer.model_copy(update={"scores": scores}))
    space = {**(genotype.space or {}), "candidates": rows}
    return genotype.model_copy(update={"space": space, "layers": tuple(layers)})


def _always(_: ReportSource) -> str | None:
    return None


@dataclass(frozen=True)
class Report:
    """A figure by name.

    Args:
        name: Name on the command line and of the files.
        description: One line for listings.
        draw: Draws the figure of a source. It is called under ``scansearch.figures.style()`` and must not use pyplot.
        applies: Says why the report cannot be drawn from a source, or ``None`` if it can.

    Example:
        >>> from matplotlib.figure import Figure
        >>> Report("blank", "nothing at all", draw=lambda source: Figure()).name
        'blank'
    """

    name: str
    description: str
    draw: Callable[[ReportSource], Figure]
    applies: Callable[[ReportSource], str | None] = _always


def render(source: ReportSource, out_dir: str | Path, names: Sequence[str] | None = None) -> list[Path]:
    """Draws reports into ``out_dir`` as NAME.png and NAME.svg, without a display.

    Args:
        source: What to report on.
        out_dir: Folder for the files; made if need be.
        names: Reports to draw; every one that applies, if not given.

    Returns:
        The files written.

    Raises:
        ScansearchError: If a report is unknown, a named one does not apply, none applies, or the disk refuses.
    """
    from scansearch.figures import save_figure, style

    chosen = [REPORTS.get(name) for name in dict.fromkeys(names or REPORTS.names())]
    reasons = {report.name: report.applies(source) for report in chosen}
    refused = {name: reason for name, reason in reasons.items() if reason}
    if refused and (names or len(refused) == len(reasons)):
        raise ScansearchError("; ".join(f"cannot draw {name}: {reason}" for name, reason in refused.items()))
    written: list[Path] = []
    for report in chosen:
        if not reasons[report.name]:
            with style():
                written += save_figure(report.draw(source), Path(out_dir), report.name)
    return written
