"""The heatmap of LocalMamba's Fig. 4: layers x candidates, the chosen cells marked, probabilities shown."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from scansearch.genotype import Genotype
from scansearch.report import Report, ReportSource

CELL = 0.36  # inches
LABELLED = 40  # beyond so many candidates a cell is too small for a number
CHOSEN, EMPTY, INK = "#1f5a85", "#f1f3f5", "#17344d"
SHADES = LinearSegmentedColormap.from_list("scansearch", ["#f4f7fa", "#b9d3e6", "#5b9bc7", "#1f5a85", "#0d2f4a"])


def draw(source: ReportSource) -> Figure:
    """Draws the genotype of the source."""
    genotype = source.genotype
    assert genotype is not None
    names, layers = genotype.candidates, genotype.layers
    scores = np.array([[layer.scores.get(name, np.nan) for layer in layers] for name in names])
    chosen = np.array([[name in layer.directions for layer in layers] for name in names])
    figure = Figure(figsize=(1.6 + CELL * len(layers), 0.9 + CELL * len(names)))
    axes = figure.add_axes((0, 0, 1, 1))
    if np.isfinite(scores).any():
        _scores(figure, axes, scores, chosen)
    else:
        for row, column in np.ndindex(chosen.shape):
            _cell(axes, row, column, CHOSEN if chosen[row, column] else EMPTY, "white", 1.6)
    _frame(axes, genotype, source.title)
    return figure


def _scores(figure: Figure, axes: Axes, scores: np.ndarray, chosen: np.ndarray) -> None:
    low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
    span = high - low or 1.0
    for row, column in np.ndindex(scores.shape):
        score = scores[row, column]
        shade = (score - low) / span
        _cell(axes, row, column, SHADES(shade) if np.isfinite(score) else "white", "white", 1.2)
        if np.isfinite(score) and scores.shape[0] <= LABELLED:
            text = f"{score:.2f}".removeprefix("0")
            weight = "bold" if chosen[row, column] else "normal"
            axes.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=6.5,
                weight=weight,
                color="white" if shade > 0.5 else INK,
            )
    for row, column in np.argwhere(chosen):
        axes.add_patch(
            Rectangle((column - 0.44, row - 0.44), 0.88, 0.88, fill=False, edgecolor="#d9480f", linewidth=1.3)
        )
    bar = figure.add_axes((1.02, 0.15, 0.012, 0.7))
    bar.imshow(np.linspace(1, 0, 128)[:, None], aspect="auto", cmap=SHADES, extent=(0, 1, low, high))
    bar.set_xticks([])
    bar.yaxis.tick_right()
    bar.tick_params(labelsize=7, length=2)
    bar.set_title("probability", fontsize=7, loc="left")


def _cell(axes: Axes, row: int, column: int, color: object, edge: str, width: float) -> None:
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=color, edgecolor=edge, linewidth=width))


def _frame(axes: Axes, genotype: Genotype, title: str) -> None:
    layers, names = genotype.layers, genotype.candidates
    axes.set_xlim(-0.5, len(layers) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_aspect("equal")
    unsure = {i for i, layer in enumerate(layers) if layer.above_noise is False}
    axes.set_xticks(range(len(layers)), [f"{i + 1}{'*' if i in unsure else ''}" for i in range(len(layers))])
    axes.set_yticks(range(len(names)), [name.replace("_flip", " flip") for name in names])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("layer" + ("   (* choice not above noise)" if unsure else ""))
    axes.set_title(title, loc="left", weight="bold", pad=8)
    first = 0
    for _, group in groupby(layers, key=lambda layer: layer.stage):
        first += len(list(group))
        if first < len(layers):
            axes.axvline(first - 0.5, color=INK, linewidth=1.1)


def applies(source: ReportSource) -> str | None:
    """It needs a genotype."""
    return None if source.genotype else "this run has no genotype yet; finish it with `scansearch resume`"


HEATMAP = Report("heatmap", "layers x candidates, chosen cells marked (LocalMamba, Fig. 4)", draw, applies)
