"""The heatmap of a genotype: layers x candidates, kept cells outlined (after Fig. 4 of LocalMamba, arXiv 2403.09338)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from scansearch.figures import (
    FACTS_SIZE,
    GREY,
    INK,
    KEPT,
    MARGIN,
    MARK,
    NOTE_ROW,
    PALE,
    Note,
    base_of,
    blues,
    direction_styles,
    draw_notes,
    heading,
    new_figure,
    note_rows,
    ranges,
    readable_on,
    text_width,
)
from scansearch.genotype import Genotype, LayerGenotype
from scansearch.report import Report, ReportSource, presentable
from scansearch.scans import distinct

GROUP_GAP, STAGE_GAP, INSET = 0.22, 0.45, 0.035
BARS, BAR_SCALE, BAR_ROOM = 0.66, 0.42, 0.58  # inches: the counts, their longest bar, the colour bar with its numbers
MOST_ROWS = 40
SMALLEST = 4.5  # points: numbers smaller than this are left out

Cell = tuple[int, int]  # column and row
Values = dict[Cell, float]


@dataclass(frozen=True)
class Layout:
    """Where everything stands: cells in units of one cell, margins in inches."""

    rows: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    cell: tuple[float, float]
    left: float
    top: float
    bottom: float
    width: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the figure in inches."""
        return self.width, self.top + self.extent[1] * self.cell[1] + self.bottom

    @property
    def extent(self) -> tuple[float, float]:
        """Columns and rows of the grid, gaps included."""
        return self.x[-1] + 1, self.y[-1] + 1


def draw(source: ReportSource) -> Figure:
    """Draws the heatmap: colours and numbers are the strategy's scores; without scores, kept cells are filled."""
    assert source.genotype is not None  # `applies` has seen to it
    genotype = presentable(source.genotype)
    layout = _lay_out(genotype)
    figure = new_figure(*layout.size)
    axes = _axes(figure, layout)
    if any(layer.scores for layer in genotype.layers):
        _scores(figure, axes, layout, genotype)
    else:
        _choices(axes, layout, genotype)
    _labels(axes, layout, genotype)
    _counts(axes, layout, genotype)
    heading(figure, source.title, _facts(genotype), layout.left)
    draw_notes(figure, note_rows(_notes(genotype), layout.width - layout.left), layout.left)
    return figure


def _lay_out(genotype: Genotype) -> Layout:
    # Cells are as large as the width of a page allows.
    rows, layers = _shown(genotype), genotype.layers
    cell = (min(max(6.0 / len(layers), 0.19), 0.42), min(max(3.2 / len(rows), 0.095), 0.26))
    stage = [sum(a.stage != b.stage for a, b in pairwise(layers[: i + 1])) for i in range(len(layers))]
    group = [sum(base_of(a) != base_of(b) for a, b in pairwise(rows[: i + 1])) for i in range(len(rows))]
    x = tuple(i + STAGE_GAP * s for i, s in enumerate(stage))
    left = text_width(max(rows, key=len), 6.5) + 0.2
    grid = left + (x[-1] + 1) * cell[0] + BARS + (BAR_ROOM if any(layer.scores for layer in layers) else 0.1)
    # A narrow grid must not cut off what is written above and below it.
    lines = [_facts(genotype), *(note.text for note in _notes(genotype))]
    width = max(grid, left + min(2.6, MARK + max(text_width(line, FACTS_SIZE) for line in lines)) + MARGIN + 0.02)
    return Layout(
        rows=rows,
        x=x,
        y=tuple(i + GROUP_GAP * g for i, g in enumerate(group)),
        cell=cell,
        left=left,
        top=0.72 if stage[-1] else 0.56,
        bottom=0.40 + 0.06 + NOTE_ROW * len(note_rows(_notes(genotype), width - left)),
        width=width,
    )


def _shown(genotype: Genotype) -> tuple[str, ...]:
    """The rows: all candidates, or of many those that are kept and the strongest of the others."""
    if len(genotype.candidates) <= MOST_ROWS:
        return genotype.candidates
    kept = {name for layer in genotype.layers for name in layer.directions}
    peaks = {name: max(layer.scores.get(name, -math.inf) for layer in genotype.layers) for name in genotype.candidates}
    others = sorted((name for name in peaks if name not in kept), key=lambda name: -peaks[name])
    shown = kept.union(others[: max(0, MOST_ROWS - len(kept))])
    return tuple(name for name in genotype.candidates if name in shown)


def _axes(figure: Figure, layout: Layout) -> Axes:
    width, height = layout.size
    columns, rows = layout.extent
    wide, tall = columns * layout.cell[0], rows * layout.cell[1]
    axes = figure.add_axes((layout.left / width, layout.bottom / height, wide / width, tall / height))
    axes.set(xlim=(0, columns), ylim=(rows, 0))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=3)
    return axes


def _cell(layout: Layout, column: int, row: int, grow: float = 0.0) -> Rectangle:
    # The gap between cells is the same in inches both ways, whatever their shape.
    dx, dy = ((INSET * 0.3 - grow) / side for side in layout.cell)
    return Rectangle((layout.x[column] + dx, layout.y[row] + dy), 1 - 2 * dx, 1 - 2 * dy)


def _choices(axes: Axes, layout: Layout, genotype: Genotype) -> None:
    styles = direction_styles(layout.rows)
    cells = [(i, j) for i in range(len(genotype.layers)) for j in range(len(layout.rows))]
    kept = [layout.rows[j] in genotype.layers[i].directions for i, j in cells]
    colours = [styles[layout.rows[j]].colour if k else PALE for (_, j), k in zip(cells, kept, strict=True)]
    axes.add_collection(PatchCollection([_cell(layout, *c) for c in cells], facecolors=colours, linewidths=0))


def _scores(figure: Figure, axes: Axes, layout: Layout, genotype: Genotype) -> None:
    values = {
        (i, j): layer.scores[name]
        for i, layer in enumerate(genotype.layers)
        for j, name in enumerate(layout.rows)
        if name in layer.scores
    }
    norm = _norm(genotype, list(values.values()))
    colours = {cell: blues()(norm(value)) for cell, value in values.items()}
    cells = [_cell(layout, *cell) for cell in values]
    axes.add_collection(PatchCollection(cells, facecolors=list(colours.values()), linewidths=0))
    kept = [(i, layout.rows.index(name)) for i, layer in enumerate(genotype.layers) for name in layer.directions]
    outlines = [_cell(layout, *cell, grow=-0.004) for cell in kept]
    axes.add_collection(
        PatchCollection(outlines, facecolors="none", edgecolors=INK, linewidths=1.0 if min(layout.cell) > 0.15 else 0.7)
    )
    _missing(axes, layout, values)
    _numbers(axes, layout, values, colours, set(kept))
    _colour_bar(figure, layout, norm, genotype)


def _norm(genotype: Genotype, values: Sequence[float]) -> Normalize:
    """Probabilities from 0 to at least twice the uniform one, so that near-uniform layers look it; else the range."""
    if _are_probabilities(genotype):
        return Normalize(0.0, min(1.0, max(2 / len(genotype.candidates), *values)))
    low, high = min(values), max(values)
    return Normalize(low, high if high > low else low + 1.0)


def _are_probabilities(genotype: Genotype) -> bool:
    scored = [layer.scores.values() for layer in genotype.layers if layer.scores]
    return bool(scored) and all(min(s) >= 0 and math.isclose(sum(s), 1.0, abs_tol=1e-3) for s in scored)


def _missing(axes: Axes, layout: Layout, values: Values) -> None:
    cells = [(i, j) for i in range(len(layout.x)) for j in range(len(layout.rows)) if (i, j) not in values]
    for column, row in cells:
        x, y = layout.x[column], layout.y[row] + 0.5
        axes.plot([x + 0.42, x + 0.58], [y, y], color=GREY, linewidth=0.6)


def _numbers(axes: Axes, layout: Layout, values: Values, colours: Mapping[Cell, Any], kept: set[Cell]) -> None:
    low, high = min(values.values()), max(values.values())
    decimals = 3 if high - low < 0.1 and high < 1 else 2
    texts = {cell: _short(value, decimals) for cell, value in values.items()}
    longest = max(map(len, texts.values()))
    size = min(6.2, layout.cell[0] * 0.86 * 72 / (longest * 0.62), layout.cell[1] * 0.62 * 72)
    if size < SMALLEST:
        return
    for (i, j), text in texts.items():
        axes.text(
            layout.x[i] + 0.5, layout.y[j] + 0.5, text, ha="center", va="center_baseline", fontsize=size,
            color=readable_on(colours[i, j][:3]), fontweight="bold" if (i, j) in kept else "normal",
        )  # fmt: skip


def _short(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _colour_bar(figure: Figure, layout: Layout, norm: Normalize, genotype: Genotype) -> None:
    width, height = layout.size
    tall = min(layout.extent[1] * layout.cell[1], 1.6)
    left = layout.left + layout.extent[0] * layout.cell[0] + BARS + 0.08
    bottom = height - layout.top - tall
    box = (left / width, bottom / height, 0.075 / width, tall / height)
    bar = figure.colorbar(ScalarMappable(norm, blues()), cax=figure.add_axes(box))
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, pad=2, labelsize=5.5)
    if _are_probabilities(genotype):
        top, uniform = float(norm.vmax or 1), 1 / len(genotype.candidates)
        ticks = {0.0: "0", top: f"{top:.2g}"}
        if uniform < top:
            ticks[uniform] = f"1/{len(genotype.candidates)}"
            bar.ax.axhline(uniform, color=INK, linewidth=0.6)
        bar.set_ticks(list(ticks), labels=list(ticks.values()))
    head = "probability" if _are_probabilities(genotype) else "score"
    figure.text(left / width, (bottom + tall + 0.05) / height, head, va="bottom", fontsize=5.5, color=GREY)


def _labels(axes: Axes, layout: Layout, genotype: Genotype) -> None:
    axes.set_xticks([x + 0.5 for x in layout.x], labels=[str(i) for i in range(1, len(layout.x) + 1)])
    axes.set_yticks([y + 0.5 for y in layout.y], labels=list(layout.rows))
    axes.tick_params(axis="y", labelsize=min(6.5, layout.cell[1] * 60))
    axes.set_xlabel("layer", labelpad=2)
    for label, layer in zip(axes.get_xticklabels(), genotype.layers, strict=True):
        if layer.above_noise is False:
            label.set_color(KEPT)
    doubtful = [layout.x[i] + 0.5 for i, layer in enumerate(genotype.layers) if layer.above_noise is False]
    y = -0.055 / layout.cell[1]
    axes.plot(doubtful, [y] * len(doubtful), "v", color=KEPT, markersize=2.6, markeredgewidth=0, clip_on=False)
    _stages(axes, layout, genotype.layers)


def _stages(axes: Axes, layout: Layout, layers: Sequence[LayerGenotype]) -> None:
    if len({layer.stage for layer in layers}) < 2:
        return
    y = -0.13 / layout.cell[1]
    for stage, members in groupby(range(len(layers)), key=lambda i: layers[i].stage):
        run = list(members)
        first, last = layout.x[run[0]] + 0.06, layout.x[run[-1]] + 0.94
        axes.plot([first, last], [y, y], color=GREY, linewidth=0.6, clip_on=False)
        grid = layers[run[0]].grid
        wide = (last - first) * layout.cell[0] > 0.75
        size = f" · {grid[0]} × {grid[1]}" if grid and wide else ""
        name = f"stage {stage + 1}" if (last - first) * layout.cell[0] > 0.35 else str(stage + 1)
        above = y - 0.035 / layout.cell[1]
        axes.text((first + last) / 2, above, f"{name}{size}", ha="center", va="bottom", fontsize=6, color=GREY)


def _counts(axes: Axes, layout: Layout, genotype: Genotype) -> None:
    """In how many layers each direction is kept, as bars beside the rows."""
    start = layout.extent[0] + 0.1 / layout.cell[0]
    axes.text(start, -0.05 / layout.cell[1], "layers", va="bottom", fontsize=5.5, color=GREY)
    for y, name in zip(layout.y, layout.rows, strict=True):
        count = sum(name in layer.directions for layer in genotype.layers)
        length = BAR_SCALE * count / len(layout.x) / layout.cell[0]
        axes.add_patch(Rectangle((start, y + 0.28), length, 0.44, facecolor="#b9c2cc", linewidth=0, clip_on=False))
        axes.text(
            start + length + 0.035 / layout.cell[0], y + 0.5, str(count), va="center_baseline", color=GREY,
            fontsize=min(5.5, layout.cell[1] * 60),
        )  # fmt: skip


def _facts(genotype: Genotype) -> str:
    keep = sorted({len(layer.directions) for layer in genotype.layers})
    kept = f"{keep[0]}" if len(keep) == 1 else f"{keep[0]} to {keep[-1]}"
    count, all_of = len(genotype.layers), len(genotype.candidates)
    owner = "1 layer keeps" if count == 1 else f"{count} layers, each keeps"
    return f"{owner} {kept} of {all_of} direction{'s' * (all_of != 1)}"


def _notes(genotype: Genotype) -> list[Note]:
    notes = []
    if any(layer.scores for layer in genotype.layers):
        notes.append(Note("□", "kept", INK))
    if any(layer.above_noise is False for layer in genotype.layers):
        notes.append(Note("▾", "choice not above its own fluctuation"))
    if hidden := len(genotype.candidates) - len(_shown(genotype)):
        notes.append(Note("…", f"{hidden} weaker not shown"))
    return notes + [Note("=", line) for line in _coinciding(genotype)]


def _coinciding(genotype: Genotype) -> list[str]:
    """Layers that keep one and the same order under two names, as stage 4 of the published LocalVMamba does."""
    found: dict[str, list[int]] = {}
    for number, layer in enumerate(genotype.layers, start=1):
        first = distinct(layer.directions, *layer.grid) if layer.grid else {}
        for name, other in first.items():
            if name != other:
                found.setdefault(f"{name} is {other}", []).append(number)
    return [f"{pair} in layer{'s' * (len(at) > 1)} {ranges(at)}" for pair, at in found.items()]


def applies(source: ReportSource) -> str | None:
    """A heatmap needs a genotype."""
    return None if source.genotype else source.unfinished


HEATMAP = Report("heatmap", "layers x candidates, kept cells marked, probabilities shown", draw, applies)
