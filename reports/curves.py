"""Loss and accuracy over the epochs."""

from __future__ import annotations

from matplotlib.figure import Figure

from scansearch.report import Report, ReportSource

TRAIN, VALIDATION = "#8a97a3", "#1f5a85"


def draw(source: ReportSource) -> Figure:
    """Loss left, accuracy right; training grey, validation blue."""
    table = source.table("metrics.csv")
    assert table is not None
    figure = Figure(figsize=(7.2, 2.7), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, what, factor in zip(panels, ("loss", "accuracy"), (1, 100), strict=True):
        for key, color, name in (("train", TRAIN, "training"), ("val", VALIDATION, "validation")):
            values = table[f"{key}_{what}"] * factor
            marker = "o" if len(values) == 1 else None
            axes.plot(table["epoch"], values, color=color, linewidth=1.6, marker=marker, label=name)
        axes.set_xlabel("epoch")
        axes.set_ylabel(what + (" (%)" if factor == 100 else ""))
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle(source.title, x=0.01, ha="left", weight="bold", fontsize=10)
    return figure


def applies(source: ReportSource) -> str | None:
    """It needs at least one finished epoch."""
    return None if source.table("metrics.csv") is not None else "there is no finished epoch of a run to draw"


CURVES = Report("curves", "loss and accuracy over the epochs", draw, applies)
