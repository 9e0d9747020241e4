"""Loss and accuracy over the epochs."""

from __future__ import annotations

from matplotlib.figure import Figure
from pandas import DataFrame

from scansearch.figures import GREY, epoch_axis, heading, lay_out_below_heading, new_figure
from scansearch.report import Report, ReportSource

VALIDATION = "#0f4c81"
PARTS = (("train", GREY, "training (with augmentation)"), ("val", VALIDATION, "validation"))


def draw(source: ReportSource) -> Figure:
    """Loss left, accuracy right; training grey, validation blue."""
    table = source.metrics
    figure = new_figure(6.4, 2.6)
    lay_out_below_heading(figure)
    panels = figure.subplots(1, 2)
    for axes, what, factor in zip(panels, ("loss", "accuracy"), (1, 100), strict=True):
        for key, colour, name in PARTS:
            values = table[f"{key}_{what}"] * factor
            axes.plot(
                table["epoch"], values, color=colour, marker="o" if len(values) == 1 else None, markersize=3, label=name
            )
        epoch_axis(axes, table["epoch"])
        axes.set_xlabel("epoch")
        axes.set_ylabel(what + (" (%)" if factor == 100 else ""))
    panels[0].legend(frameon=False)
    heading(figure, source.title, _facts(table))
    return figure


def _facts(table: DataFrame) -> str:
    last = table.iloc[-1]
    epochs = int(last["epoch"])
    return f"validation accuracy {last['val_accuracy'] * 100:.1f} % after {epochs} epoch{'s' * (epochs != 1)}"


def applies(source: ReportSource) -> str | None:
    """It needs at least one finished epoch."""
    return "there is no finished epoch of a run to draw" if source.metrics.empty else None


CURVES = Report("curves", "loss and accuracy over the epochs", draw, applies)
