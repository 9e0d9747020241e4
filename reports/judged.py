"""Accuracies of the genotypes that a strategy judged, in their order."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from scansearch.figures import GREY, KEPT, heading, lay_out_below_heading, new_figure
from scansearch.report import Report, ReportSource


def draw(source: ReportSource) -> Figure:
    """A dot for each genotype; the line is the best so far."""
    table = source.genotypes
    number, accuracy = table["number"], table["accuracy"] * 100
    figure = new_figure(4.6, 2.6)
    lay_out_below_heading(figure)
    axes = figure.subplots()
    axes.plot(number, accuracy, linestyle="none", marker="o", markersize=2, markeredgewidth=0, color=GREY, alpha=0.6)
    axes.plot(number, accuracy.cummax(), color=KEPT, drawstyle="steps-post", label="best so far")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("genotypes judged")
    axes.set_ylabel("validation accuracy (%)")
    axes.legend(frameon=False, loc="lower right")
    heading(figure, source.title, _facts(table))
    return figure


def _facts(table: DataFrame) -> str:
    accuracy = table["accuracy"] * 100
    return f"{len(table):,} genotypes judged: median {accuracy.median():.1f} %, best {accuracy.max():.1f} %"


def applies(source: ReportSource) -> str | None:
    """It needs a finished run of a strategy that judges genotypes."""
    return "no genotypes were judged in this run, or it has not ended" if source.genotypes.empty else None


JUDGED = Report("judged", "accuracies of the genotypes that were judged, in their order", draw, applies)
