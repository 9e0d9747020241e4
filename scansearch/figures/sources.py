"""What a figure can be of: one run or genotype, several of them, or scan orders (``scan_source.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from scansearch.errors import ScansearchError
from scansearch.figures.facts import SearchFacts
from scansearch.genotype import Genotype
from scansearch.runs.evaluation_json import Evaluation, Evaluations
from scansearch.runs.table import Table
from scansearch.runs.tables import EPOCHS, GENOTYPES, LAYERS, METRICS, SCORES

if TYPE_CHECKING:
    from pandas import DataFrame

TABLES = tuple(table.name for table in (METRICS, LAYERS, SCORES, GENOTYPES, EPOCHS))
"""Files of a run that figures are drawn from beside its genotype."""


def title_of(path: Path) -> str:
    """What figures and files of a source are called: a run folder's name, a file's, or that of the run that a file lies in."""
    if path.is_dir():
        return path.resolve().name
    whole = path.resolve()
    if path.name == "genotype.json" and (whole.parent / "config.toml").is_file():
        return whole.parent.name
    if whole.parent.name == "front" and (whole.parents[1] / "config.toml").is_file():
        return f"{whole.parents[1].name}-front-{path.stem}"
    return path.stem


class FigureSource:
    """What figures of one kind are drawn of: the base of all kinds."""

    kind: ClassVar[str]
    """``run``, ``runs`` or ``scans``: as listings say it."""
    phrase: ClassVar[str]
    """The same in messages."""

    @property
    def stem(self) -> str:
        """What the files of its figures begin with outside of its own folder; nothing if ``file_name`` says all."""
        return ""

    def file_name(self, figure: str, options: Sequence[str]) -> str:
        """Name of a figure's files, without the ending.

        Args:
            figure: Name of the figure.
            options: What it was drawn with besides, each in a word.
        """
        return "-".join([figure, *options])

    def owns(self, folder: Path) -> bool:
        """Whether a folder is for figures of this source alone: there they replace each other."""
        return False


@dataclass(frozen=True)
class RunSource(FigureSource):
    """One run, finished or not, or a genotype alone.

    Args:
        run: The run folder, if there is one.
        genotype: The genotype, if there is one yet.
        title: Heading of the figures.
    """

    kind = "run"
    phrase = "one run or genotype"

    run: Path | None
    genotype: Genotype | None
    title: str

    @classmethod
    def open(cls, path: str | Path) -> RunSource:
        """A source from a run folder, finished or not, or from a genotype file.

        Raises:
            ScansearchError: If there is nothing to draw, or the genotype is bad.
        """
        path = Path(path)
        if not path.is_dir():
            return cls(run=None, genotype=Genotype.load(path), title=title_of(path))
        found = path / "genotype.json"
        if not found.is_file() and not any((path / name).is_file() for name in TABLES):
            raise ScansearchError(
                f"{path} holds no run (neither genotype.json nor {', '.join(TABLES)}); name a run folder or a genotype file"
            )
        genotype = Genotype.load(found) if found.is_file() else None
        return cls(run=path, genotype=genotype, title=title_of(path))

    @cached_property
    def metrics(self) -> DataFrame:
        """``metrics.csv``, or ``epochs.csv`` of a training, a row an epoch; empty if there is none yet."""
        trained = self.run is not None and (self.run / EPOCHS.name).is_file()
        return self._table(EPOCHS if trained else METRICS)

    @cached_property
    def layers(self) -> DataFrame:
        """``layers.csv``, a row a layer and epoch; empty if there is none yet."""
        return self._table(LAYERS)

    @cached_property
    def scores(self) -> DataFrame:
        """``scores.csv``, a row a direction, layer and epoch; empty if there is none yet."""
        return self._table(SCORES)

    @cached_property
    def genotypes(self) -> DataFrame:
        """``genotypes.csv``, a row a judged genotype; empty if none was."""
        return self._table(GENOTYPES)

    @cached_property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """``evaluation.json`` of a training; none if it was not evaluated. Errors as ``Evaluations.of``."""
        return Evaluations.of(self.run).evaluations if self.run else ()

    @property
    def unfinished(self) -> str:
        """Why there is no genotype, and what to do about it."""
        return f"this run has no genotype yet; finish it with `scansearch resume {quote(str(self.run))}`"

    @cached_property
    def facts(self) -> SearchFacts:
        """What was searched, with what."""
        return SearchFacts.of(self.run, self.genotype)

    def heading_lines(self, facts: Sequence[str], width: float) -> list[str]:
        """The lines below a figure's title: what the search was, then these facts; each at most ``width`` inches."""
        from scansearch.figures.style import wrapped

        return [*wrapped(self.facts.subject, width), *wrapped(facts, width)]

    @property
    @override
    def stem(self) -> str:
        return self.title

    @override
    def owns(self, folder: Path) -> bool:
        return self.run is not None and folder.resolve() == (self.run / "figures").resolve()

    def _table(self, table: Table[Any]) -> DataFrame:
        return table.frame(self.run) if self.run else table.empty()


@dataclass(frozen=True)
class RunsSource(FigureSource):
    """Several runs or genotypes, to be seen beside each other.

    Args:
        runs: Two or more.
    """

    kind = "runs"
    phrase = "several runs or genotypes"

    runs: tuple[RunSource, ...]

    @property
    @override
    def stem(self) -> str:
        return "-".join(run.title for run in self.runs)
