"""Reports: figures of a run or of a genotype. Each is a plug-in that draws one matplotlib figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from scansearch.errors import ScansearchError
from scansearch.figures.facts import SearchFacts
from scansearch.figures.tables import COLUMNS, empty_table, read_table
from scansearch.genotype import Genotype
from scansearch.outputs import place
from scansearch.registry import REPORTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


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
            return cls(run=None, genotype=Genotype.load(path), title=title_of(path))
        found = path / "genotype.json"
        if not found.is_file() and not any((path / name).is_file() for name in COLUMNS):
            raise ScansearchError(
                f"{path} holds no run (neither genotype.json nor {', '.join(COLUMNS)}); name a run folder or a genotype file"
            )
        genotype = Genotype.load(found) if found.is_file() else None
        return cls(run=path, genotype=genotype, title=title_of(path))

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
        return f"this run has no genotype yet; finish it with `scansearch resume {quote(str(self.run))}`"

    @cached_property
    def facts(self) -> SearchFacts:
        """What was searched, with what."""
        return SearchFacts.of(self.run, self.genotype)

    def heading_lines(self, facts: Sequence[str], width: float) -> list[str]:
        """The lines below a figure's title: what the search was, then these facts; each at most ``width`` inches."""
        from scansearch.figures.style import wrapped

        return [*wrapped(self.facts.subject, width), *wrapped(facts, width)]

    def _table(self, name: str) -> DataFrame:
        return read_table((self.run or Path()) / name) if self.run else empty_table(name)


def presentable(genotype: Genotype) -> Genotype:
    """The genotype with a row for every direction that it keeps, and scores of its rows only.

    A genotype written by other hands may keep, and score, what its space does not list.
    """
    kept = [name for layer in genotype.layers for name in layer.directions]
    rows = dict.fromkeys([*genotype.candidates, *kept])
    layers = []
    for layer in genotype.layers:
        scores = {name: value for name, value in layer.scores.items() if name in rows}
        layers.append(layer.model_copy(update={"scores": scores}))
    space = {**(genotype.space or {}), "candidates": list(rows)}
    return genotype.model_copy(update={"space": space, "layers": tuple(layers)})


def _always(_: ReportSource) -> str | None:
    return None


@dataclass(frozen=True)
class Report:
    """A figure by name.

    Args:
        name: Name on the command line and of the files.
        description: One line for listings.
        draw: Draws the figure of a source. It is called under ``scansearch.figures.style.style()`` and must not use pyplot.
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


def render(
    source: ReportSource, out_dir: str | Path, names: Sequence[str] | None = None, *, overwrite: bool = False
) -> list[Path]:
    """Draws reports as PNG and SVG, without a display.

    In the run's own ``figures`` they are called NAME.png and NAME.svg, and replace those that are there. Elsewhere the source's
    title comes first, as in ``first-heatmap.png``, so that figures of several sources may lie in one folder.

    Args:
        source: What to report on.
        out_dir: Folder for the files; made if need be.
        names: Reports to draw; every one that applies, if not given.
        overwrite: Replace other files of the same names outside the run's own folder.

    Returns:
        The files written.

    Raises:
        ScansearchError: If a report is unknown, a named one does not apply, none applies, another file has its name, or the
            disk refuses.
    """
    from scansearch.figures.style import figure_files, style

    reasons = refusals(source, names)
    if reasons and (names or len(reasons) == len(REPORTS.names())):
        raise ScansearchError("; ".join(f"cannot draw {name}: {reason}" for name, reason in reasons.items()))
    folder = Path(out_dir)
    own = source.run is not None and folder.resolve() == (source.run / "figures").resolve()
    written: list[Path] = []
    for name in dict.fromkeys(names or REPORTS.names()):
        if name not in reasons:
            with style():
                files = figure_files(find_report(name).draw(source), name)
            written += place(files, folder, source="" if own else source.title, overwrite=own or overwrite)
    return written


def find_report(name: str) -> Report:
    """A report by its name, whatever the environment says of matplotlib's backend.

    Raises:
        ScansearchError: If it is unknown, or cannot be imported.
    """
    import scansearch.figures.plain_matplotlib  # noqa: F401 (before the report's own imports)

    report: Report = REPORTS.get(name)
    return report


def refusals(source: ReportSource, names: Sequence[str] | None = None) -> dict[str, str]:
    """Why reports (all, if not given) cannot be drawn of a source, by name; those that can are left out.

    Raises:
        ScansearchError: If a report is unknown.
    """
    found = {name: find_report(name).applies(source) for name in dict.fromkeys(names or REPORTS.names())}
    return {name: reason for name, reason in found.items() if reason}
