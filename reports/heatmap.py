"""The heatmap of a genotype: layers x candidates, kept cells outlined (after Fig. 4 of LocalMamba, arXiv 2403.09338)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from scansearch.figures import GREY, INK, KEPT, PALE, base_of, blues, direction_styles, new_figure, readable_on
from scansearch.genotype import Genotype, LayerGenotype
from scansearch.report import Report, ReportSource
from scansearch.scans import distinct

GROUP_GAP, STAGE_GAP, INSET = 0.22, 0.45, 0.035
BARS, BAR_SCALE = 0.62, 0.42  # inches: the panel of counts, and its longest bar
CHARACTER = 0.056  # inches that a character of a 6.5 pt label takes


@dataclass(frozen=True)
class Layout:
    """Where everything stands: cells in units of one cell, margins in inches."""

    rows: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    cell: tuple[float, float]
    left: float
    right: float
    top: float
    bottom: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the figure in inches."""
        width, height = self.extent
        return self.left + width * self.cell[0] + self.right, self.top + height * self.cell[1] + self.bottom

    @property
    def extent(self) -> tuple[float, float]:
        """Columns and rows of the grid, gaps included."""
        return self.x[-1] + 1, self.y[-1] + 1

    @property
    def y_unit(self) -> float:
        """Cells of height that an inch is."""
        return 1 / self.cell[1]


def draw(source: ReportSource) -> Figure:
    """Draws the heatmap: colours and numbers are the strategy's scores; without scores, kept cells are filled."""
    genotype = source.genotype
    assert genotype is not None  # `applies` has seen to it
    layout = _layout(genotype)
    figure = new_figure(*layout.size)
    axes = _axes(figure, layout)
    if any(layer.scores for layer in genotype.layers):
        _scores(figure, axes, layout, genotype)
    else:
        _choices(axes, layout, genotype)
    _labels(axes, layout, genotype)
    _counts(axes, layout, genotype)
    _heading(figure, layout, source.title, genotype)
    _legend(figure, layout, genotype)
    return figure


def _layout(genotype: Genotype) -> Layout:
    rows = genotype.candidates
    layers = genotype.layers
    cell = (min(max(6.0 / len(layers), 0.19), 0.42), min(max(3.2 / len(rows), 0.095), 0.26))
    stage = [sum(a.stage != b.stage for a, b in pairwise(layers[: i + 1])) for i in range(len(layers))]
    group = [sum(base_of(a) != base_of(b) for a, b in pairwise(rows[: i + 1])) for i in range(len(rows))]
    return Layout(
        rows=rows,
        x=tuple(i + STAGE_GAP * s for i, s in enumerate(stage)),
        y=tuple(i + GROUP_GAP * g for i, g in enumerate(group)),
        cell=cell,
        left=max(len(name) for name in rows) * CHARACTER + 0.2,
        right=BARS + (0.62 if any(layer.scores for layer in layers) else 0.1),
        top=0.72 if stage[-1] else 0.52,
        bottom=0.40 + (0.2 if _notes(genotype) else 0.0),
    )


def _axes(figure: Figure, layout: Layout) -> Axes:
    width, height = layout.size
    columns, rows = layout.extent
    box = (
        layout.left / width,
        layout.bottom / height,
        columns * layout.cell[0] / width,
        rows * layout.cell[1] / height,
    )
    axes = figure.add_axes(box)
    axes.set(xlim=(0, columns), ylim=(rows, 0))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=3)
    return axes


def _cell(layout: Layout, column: int, row: int, grow: float = 0.0) -> Rectangle:
    # The gap between cells is the same in inches both ways, whatever their shape.
    dx, dy = (INSET * 0.3 / side for side in layout.cell)
    dx, dy = dx - grow / layout.cell[0], dy - grow / layout.cell[1]
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
    kept = [
        (i, j) for i, layer in enumerate(genotype.layers) for j, n in enumerate(layout.rows) if n in layer.directions
    ]
    outlines = [_cell(layout, *cell, grow=-0.004) for cell in kept]
    axes.add_collection(PatchCollection(outlines, facecolors="none", edgecolors=INK, linewidths=1.0))
    _missing(axes, layout, values)
    _numbers(axes, layout, values, colours, set(kept))
    _colour_bar(figure, layout, norm, genotype)


def _norm(genotype: Genotype, values: Sequence[float]) -> Normalize:
    """Probabilities from 0 to at least twice the uniform one, so that near-uniform layers look it; else the range."""
    if _are_probabilities(genotype):
        return Normalize(0.0, max(2 / len(genotype.candidates), *values))
    low, high = min(values), max(values)
    return Normalize(low, high if high > low else low + 1.0)


def _are_probabilities(genotype: Genotype) -> bool:
    scored = [layer.scores.values() for layer in genotype.layers if layer.scores]
    return bool(scored) and all(min(s) >= 0 and math.isclose(sum(s), 1.0, abs_tol=1e-3) for s in scored)


def _missing(axes: Axes, layout: Layout, values: dict[tuple[int, int], float]) -> None:
    cells = [(i, j) for i in range(len(layout.x)) for j in range(len(layout.rows)) if (i, j) not in values]
    for column, row in cells:
        x, y = layout.x[column], layout.y[row] + 0.5
        axes.plot([x + 0.42, x + 0.58], [y, y], color=GREY, linewidth=0.6)


def _numbers(
    axes: Axes,
    layout: Layout,
    values: dict[tuple[int, int], float],
    colours: Mapping[tuple[int, int], tuple[float, ...]],
    kept: set[tuple[int, int]],
) -> None:
    decimals = 3 if max(values.values()) - min(values.values()) < 0.1 else 2
    texts = {cell: f"{value:.{decimals}f}".replace("0.", ".", 1) for cell, value in values.items()}
    longest = max(map(len, texts.values()))
    size = min(6.2, layout.cell[0] * 0.86 * 72 / (longest * 0.62), layout.cell[1] * 0.62 * 72)
    if size < 3.6:
        return
    for (i, j), text in texts.items():
        axes.text(
            layout.x[i] + 0.5, layout.y[j] + 0.5, text, ha="center", va="center_baseline", fontsize=size,
            color=readable_on(colours[i, j][:3]), fontweight="bold" if (i, j) in kept else "normal",
        )  # fmt: skip


def _colour_bar(figure: Figure, layout: Layout, norm: Normalize, genotype: Genotype) -> None:
    width, height = layout.size
    tall = min(layout.extent[1] * layout.cell[1], 1.6)
    box = (
        (width - 0.42) / width,
        (layout.bottom + layout.extent[1] * layout.cell[1] - tall) / height,
        0.075 / width,
        tall / height,
    )
    bar = figure.colorbar(ScalarMappable(norm, blues()), cax=figure.add_axes(box))
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, pad=2, labelsize=5.5)
    if _are_probabilities(genotype):
        uniform = 1 / len(genotype.candidates)
        bar.set_ticks(
            [0, uniform, float(norm.vmax or 1)], labels=["0", f"1/{len(genotype.candidates)}", f"{norm.vmax:.2g}"]
        )
        bar.ax.axhline(uniform, color=INK, linewidth=0.6)
    bar.ax.set_title("probability" if _are_probabilities(genotype) else "score", fontsize=5.5, loc="right", pad=4)


def _labels(axes: Axes, layout: Layout, genotype: Genotype) -> None:
    count = len(genotype.layers)
    axes.set_xticks([x + 0.5 for x in layout.x], labels=[str(i) for i in range(1, count + 1)])
    axes.set_yticks([y + 0.5 for y in layout.y], labels=list(layout.rows))
    axes.tick_params(axis="y", labelsize=min(6.5, layout.cell[1] * 60))
    axes.set_xlabel("layer", labelpad=2)
    for label, layer in zip(axes.get_xticklabels(), genotype.layers, strict=True):
        if layer.above_noise is False:
            label.set_color(KEPT)
    doubtful = [layout.x[i] + 0.5 for i, layer in enumerate(genotype.layers) if layer.above_noise is False]
    y = -0.055 * layout.y_unit
    axes.plot(doubtful, [y] * len(doubtful), "v", color=KEPT, markersize=2.6, markeredgewidth=0, clip_on=False)
    _stages(axes, layout, genotype.layers)


def _stages(axes: Axes, layout: Layout, layers: Sequence[LayerGenotype]) -> None:
    if len({layer.stage for layer in layers}) < 2:
        return
    y = -0.13 * layout.y_unit
    for stage, members in groupby(range(len(layers)), key=lambda i: layers[i].stage):
        run = list(members)
        first, last = layout.x[run[0]] + 0.06, layout.x[run[-1]] + 0.94
        axes.plot([first, last], [y, y], color=GREY, linewidth=0.6, clip_on=False)
        grid = layers[run[0]].grid
        wide = (last - first) * layout.cell[0] > 0.75
        size = f" · {grid[0]} × {grid[1]}" if grid and wide else ""
        name = f"stage {stage + 1}" if (last - first) * layout.cell[0] > 0.35 else str(stage + 1)
        axes.text(
            (first + last) / 2,
            y - 0.035 * layout.y_unit,
            f"{name}{size}",
            ha="center",
            va="bottom",
            fontsize=6,
            color=GREY,
        )


def _counts(axes: Axes, layout: Layout, genotype: Genotype) -> None:
    """In how many layers each direction is kept, as bars beside the rows."""
    total = len(genotype.layers)
    start = layout.extent[0] + 0.1 / layout.cell[0]
    axes.text(start, -0.05 * layout.y_unit, "layers", va="bottom", fontsize=5.5, color=GREY)
    for y, name in zip(layout.y, layout.rows, strict=True):
        count = sum(name in layer.directions for layer in genotype.layers)
        length = BAR_SCALE * count / total / layout.cell[0]
        axes.add_patch(Rectangle((start, y + 0.28), length, 0.44, facecolor="#b9c2cc", linewidth=0, clip_on=False))
        axes.text(
            start + length + 0.035 / layout.cell[0], y + 0.5, str(count), va="center_baseline", color=GREY,
            fontsize=min(5.5, layout.cell[1] * 60),
        )  # fmt: skip


def _heading(figure: Figure, layout: Layout, title: str, genotype: Genotype) -> None:
    width, height = layout.size
    keep = sorted({len(layer.directions) for layer in genotype.layers})
    kept = f"{keep[0]}" if len(keep) == 1 else f"{keep[0]} to {keep[-1]}"
    facts = f"{len(genotype.layers)} layers, each keeps {kept} of {len(layout.rows)} directions"
    heading = figure.text(layout.left / width, 1 - 0.1 / height, title, va="top", fontsize=7.5, fontweight="bold")
    heading.set_parse_math(False)
    figure.text(layout.left / width, 1 - 0.24 / height, facts, va="top", fontsize=6, color=GREY)


def _legend(figure: Figure, layout: Layout, genotype: Genotype) -> None:
    width, height = layout.size
    x, y = layout.left, 0.13 / height
    for mark, text in _notes(genotype):
        figure.text(x / width, y, mark, va="center_baseline", fontsize=6, color=INK if mark == "□" else KEPT)
        note = figure.text((x + 0.11) / width, y, text, va="center_baseline", fontsize=6, color=GREY)
        note.set_parse_math(False)
        x += 0.11 + len(text) * CHARACTER * 6 / 6.5 + 0.12


def _notes(genotype: Genotype) -> list[tuple[str, str]]:
    notes = []
    if any(layer.scores for layer in genotype.layers):
        notes.append(("□", "kept"))
    if any(layer.above_noise is False for layer in genotype.layers):
        notes.append(("▾", "choice not above its own fluctuation"))
    return notes + [("=", line) for line in _coinciding(genotype)]


def _coinciding(genotype: Genotype) -> list[str]:
    """Layers that keep one and the same order under two names, as stage 4 of the published LocalVMamba does."""
    found: dict[str, list[str]] = {}
    for number, layer in enumerate(genotype.layers, start=1):
        first = distinct(layer.directions, *layer.grid) if layer.grid else {}
        for name, other in first.items():
            if name != other:
                found.setdefault(f"{name} is {other}", []).append(str(number))
    return [f"{pair} in layer{'s' * (len(at) > 1)} {', '.join(at)}" for pair, at in list(found.items())[:2]]


def applies(source: ReportSource) -> str | None:
    """A heatmap needs a genotype."""
    return None if source.genotype else source.unfinished


HEATMAP = Report("heatmap", "layers x candidates, kept cells marked, probabilities shown", draw, applies)
