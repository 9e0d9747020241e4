"""Accuracy against cost of the genotypes that a strategy judged, and the front of those that none beats in both."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from scansearch.figures import GREY, KEPT, heading, lay_out_below_heading, new_figure
from scansearch.report import Report, ReportSource


def draw(source: ReportSource) -> Figure:
    """A dot for each genotype; the line joins those on the front, numbered as in ``genotypes.csv``."""
    table = source.genotypes
    front = table[table["front"] == 1].sort_values("cost")
    figure = new_figure(4.6, 2.9)
    lay_out_below_heading(figure)
    axes = figure.subplots()
    axes.plot(
        table["cost"],
        table["accuracy"] * 100,
        linestyle="none",
        marker="o",
        markersize=2,
        markeredgewidth=0,
        color=GREY,
        alpha=0.6,
    )
    axes.plot(
        front["cost"],
        front["accuracy"] * 100,
        color=KEPT,
        drawstyle="steps-post",
        marker="o",
        markersize=3,
        label="front",
    )
    for number, cost, accuracy in zip(front["number"], front["cost"], front["accuracy"] * 100, strict=True):
        axes.annotate(
            str(number), (cost, accuracy), (0, 3), textcoords="offset points", ha="center", fontsize=5.5, color=KEPT
        )
    unit = str(table["unit"].iloc[0])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=unit == "directions"))
    if unit == "FLOPs":
        axes.xaxis.set_major_formatter(EngFormatter())
    axes.set_xlabel(f"cost ({unit})" if unit != "directions" else "directions kept, all layers together")
    axes.set_ylabel("validation accuracy (%)")
    axes.margins(y=0.12)
    axes.legend(frameon=False, loc="lower right")
    heading(
        figure, source.title, f"{len(table):,} genotypes judged, {len(front)} of them on the front of accuracy and cost"
    )
    return figure


def applies(source: ReportSource) -> str | None:
    """It needs a finished run that judged genotypes of several costs."""
    if source.genotypes.empty:
        return "no genotypes were judged in this run, or it has not ended"
    if not {"cost", "unit", "front"} <= set(source.genotypes.columns):
        return "this run is of an earlier version, which did not tell costs"
    costs = source.genotypes["cost"].nunique()
    return "all genotypes that this run judged cost the same" if costs == 1 else None


FRONT = Report("front", "accuracy against cost of the genotypes that were judged, and their front", draw, applies)
