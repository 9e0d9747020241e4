"""Loss and accuracy over the epochs."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scansearch.figures import GREY, new_figure
from scansearch.report import Report, ReportSource

VALIDATION = "#0f4c81"
PARTS = (("train", GREY, "training (with augmentation)"), ("val", VALIDATION, "validation"))


def draw(source: ReportSource) -> Figure:
    """Loss left, accuracy right; training grey, validation blue."""
    table = source.metrics
    figure = new_figure(6.4, 2.5)
    figure.set_layout_engine("constrained")
    panels = figure.subplots(1, 2)
    for axes, what, factor in zip(panels, ("loss", "accuracy"), (1, 100), strict=True):
        for key, colour, name in PARTS:
            values = table[f"{key}_{what}"] * factor
            axes.plot(
                table["epoch"], values, color=colour, marker="o" if len(values) == 1 else None, markersize=3, label=name
            )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel(what + (" (%)" if factor == 100 else ""))
    panels[0].legend(frameon=False)
    figure.suptitle(source.title, x=0.01, ha="left", weight="bold", fontsize=9)
    return figure


def applies(source: ReportSource) -> str | None:
    """It needs at least one finished epoch."""
    return "there is no finished epoch of a run to draw" if source.metrics.empty else None


CURVES = Report("curves", "loss and accuracy over the epochs", draw, applies)
