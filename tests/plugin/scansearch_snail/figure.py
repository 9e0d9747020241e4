"""A figure of several runs: how many layers of each keep a direction."""

from __future__ import annotations

from matplotlib.figure import Figure

from scansearch.figures.figure import FigureSpec
from scansearch.figures.sources import RunsSource


def draw(source: RunsSource) -> Figure:
    """A line for each run over all directions that some run keeps."""
    figure = Figure(figsize=(5, 2.5))
    axes = figure.subplots()
    names = sorted({name for run in source.runs for layer in run.genotype.layers for name in layer.directions})
    for run in source.runs:
        counts = [sum(name in layer.directions for layer in run.genotype.layers) for name in names]
        axes.plot(names, counts, marker="o", label=run.title)
    axes.set_ylabel("layers")
    axes.legend(frameon=False)
    return figure


def applies(source: RunsSource) -> str | None:
    """All of them must have ended."""
    unfinished = [run.title for run in source.runs if run.genotype is None]
    return f"{unfinished[0]} has no genotype yet" if unfinished else None


TASTES = FigureSpec("tastes", RunsSource, "how many layers of each run keep a direction", draw, applies)
