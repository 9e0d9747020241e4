"""The heatmap of a genotype: layers x candidates, kept cells outlined (after Fig. 4 of LocalMamba, arXiv 2403.09338)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from scansearch.figures.cell_grid import CellGrid
from scansearch.figures.colours import FAINT, GREY, INK, KEPT, PALE, blues, direction_styles, paler, readable_on
from scansearch.figures.figure import FigureSpec
from scansearch.figures.heatmap_notes import facts_of, notes_of
from scansearch.figures.heatmap_rows import Rows, presentable
from scansearch.figures.plain_matplotlib import matplotlib
from scansearch.figures.same_orders import coinciding
from scansearch.figures.score_scale import ScoreScale, short_numbers
from scansearch.figures.sources import RunSource
from scansearch.figures.style import (
    FACTS_SIZE,
    MARGIN,
    MARK,
    NOTE_ROW,
    Note,
    draw_notes,
    heading,
    heading_height,
    new_figure,
    note_rows,
    text_width,
    wrapped,
)
from scansearch.genotype import Genotype, LayerGenotype

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LAYERS, MOST_NUMBERS = 128, 2000
BARS, BAR_SCALE, BAR_ROOM = 0.66, 0.42, 0.58  # inches: the counts, their longest bar, the colour bar with its numbers
NARROWEST = 3.0  # inches that what is written above and below the cells may take at least
SMALLEST = 4.5  # points: numbers smaller than this are left out
NAME_SIZE, SMALL = 6.5, 5.5  # points

Cell = tuple[int, int]  # column and row


@dataclass(frozen=True)
class Sheet:
    """All that is drawn, and where it stands, in inches."""

    genotype: Genotype
    rows: Rows
    grid: CellGrid
    scale: ScoreScale | None
    head: list[str]
    lines: list[str]
    notes: list[list[Note]]
    left: float
    width: float

    @property
    def kept(self) -> set[Cell]:
        """The cells that the genotype keeps."""
        places = {name: row for row, name in enumerate(self.rows.names)}
        layers = enumerate(self.genotype.layers)
        return {(i, places[name]) for i, layer in layers for name in layer.directions if name in places}

    @cached_property
    def undecided(self) -> set[Cell]:
        """The cells that halves of the images do not bear out; none where that was not asked."""
        confirmed, kept = self.genotype.confirmed, self.kept
        if confirmed is None:
            return set()
        cells = {(i, j) for i in range(len(self.grid.x)) for j in range(len(self.grid.y))}
        return {(i, j) for i, j in cells if not confirmed.decides(i, self.rows.names[j], kept=(i, j) in kept)}

    @property
    def top(self) -> float:
        """Inches above the cells."""
        stages = len({layer.stage for layer in self.genotype.layers}) > 1
        return heading_height(self.lines) + 0.14 + max(0.16 * stages, 0.09 * (len(self.head) - 1))

    @property
    def bottom(self) -> float:
        """Inches below the cells."""
        return 0.46 + NOTE_ROW * len(self.notes)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the figure."""
        return self.width, self.top + self.grid.size[1] + self.bottom


def draw(source: RunSource) -> Figure:
    """Draws the heatmap: colours and numbers are the strategy's scores; without scores, kept cells are filled."""
    assert source.genotype is not None  # `applies` has seen to it
    sheet = _lay_out(source, presentable(source.genotype))
    figure = new_figure(*sheet.size)
    axes = sheet.grid.axes(figure, sheet.left, sheet.bottom)
    if sheet.scale:
        _scores(figure, axes, sheet, sheet.scale)
    else:
        _choices(axes, sheet)
    _labels(axes, sheet)
    _counts(axes, sheet)
    heading(figure, source.title, sheet.lines, sheet.left)
    draw_notes(figure, sheet.notes, sheet.left)
    return figure


def _lay_out(source: RunSource, genotype: Genotype) -> Sheet:
    rows = Rows.of(genotype)
    grid = CellGrid.of([layer.stage for layer in genotype.layers], rows.groups)
    scale = ScoreScale.of(genotype) if any(layer.scores for layer in genotype.layers) else None
    left = text_width(max(rows.names, key=len), NAME_SIZE) + 0.2
    wide = left + grid.size[0] + BARS + (BAR_ROOM if scale else 0.1)
    # A narrow grid must not cut off what is written above and below it.
    facts, notes = facts_of(genotype), notes_of(genotype, rows)
    longest = max(text_width(text, FACTS_SIZE) for text in (*facts, *(note.text for note in notes)))
    width = max(wide, left + min(NARROWEST, MARK + longest) + MARGIN + 0.02)
    room = width - left
    lines = source.heading_lines(facts, room - MARGIN)
    head = wrapped(source.facts.score_name.split(), BAR_ROOM, SMALL, joint=" ")
    if scale and not scale.shared:
        head.append("in its layer")
    return Sheet(genotype, rows, grid, scale, head, lines, note_rows(notes, room), left, width)


def _choices(axes: Axes, sheet: Sheet) -> None:
    styles, layers = direction_styles(sheet.rows.names), sheet.genotype.layers
    colours: dict[Cell, Any] = {}
    for i, layer in enumerate(layers):
        for j, name in enumerate(sheet.rows.names):
            own = styles[name].colour
            pale = paler(own) if (i, j) in sheet.undecided else own
            colours[i, j] = pale if name in layer.directions else PALE
    boxes = [sheet.grid.box(*cell) for cell in colours]
    axes.add_collection(matplotlib.collections.PatchCollection(boxes, facecolors=list(colours.values()), linewidths=0))
    _same(axes, sheet, colours)


def _scores(figure: Figure, axes: Axes, sheet: Sheet, scale: ScoreScale) -> None:
    layers, names = sheet.genotype.layers, sheet.rows.names
    values = {
        (i, j): layer.scores[name]
        for i, layer in enumerate(layers)
        for j, name in enumerate(names)
        if name in layer.scores
    }
    shades = blues()
    colours = {cell: shades(scale.shade(cell[0], value))[:3] for cell, value in values.items()}
    colours |= {cell: paler(colours[cell]) for cell in sheet.undecided & set(colours)}
    boxes = [sheet.grid.box(*cell) for cell in values]
    axes.add_collection(matplotlib.collections.PatchCollection(boxes, facecolors=list(colours.values()), linewidths=0))
    outlines = [sheet.grid.box(*cell, grow=-0.004) for cell in sorted(sheet.kept)]
    edges = [FAINT if cell in sheet.undecided else INK for cell in sorted(sheet.kept)]
    thick = 1.0 if min(sheet.grid.cell) > 0.15 else 0.7
    axes.add_collection(
        matplotlib.collections.PatchCollection(outlines, facecolors="none", edgecolors=edges, linewidths=thick)
    )
    _missing(axes, sheet, values)
    _numbers(axes, sheet, values, colours)
    _colour_bar(figure, sheet, scale)


def _missing(axes: Axes, sheet: Sheet, values: Mapping[Cell, float]) -> None:
    cells = [(i, j) for i in range(len(sheet.grid.x)) for j in range(len(sheet.grid.y)) if (i, j) not in values]
    centres = [sheet.grid.centre(*cell) for cell in cells]
    axes.add_collection(
        matplotlib.collections.LineCollection(
            [[(x - 0.08, y), (x + 0.08, y)] for x, y in centres], colors=GREY, linewidths=0.6
        )
    )


def _numbers(axes: Axes, sheet: Sheet, values: Mapping[Cell, float], colours: Mapping[Cell, Any]) -> None:
    texts = dict(zip(values, short_numbers(list(values.values())), strict=True))
    longest = max(map(len, texts.values()), default=1)
    size = min(6.2, sheet.grid.cell[0] * 0.86 * 72 / (longest * 0.62), sheet.grid.cell[1] * 0.62 * 72)
    if size < SMALLEST or len(texts) > MOST_NUMBERS:
        return
    for cell, text in texts.items():
        axes.text(
            *sheet.grid.centre(*cell), text, ha="center", va="center_baseline", fontsize=size,
            color=FAINT if cell in sheet.undecided else readable_on(colours[cell][:3]),
            fontweight="bold" if cell in sheet.kept else "normal",
        )  # fmt: skip


def _same(axes: Axes, sheet: Sheet, colours: Mapping[Cell, Any]) -> None:
    """Signs on the two cells of a layer that are one order under two names."""
    size = min(6.0, min(sheet.grid.cell) * 48)
    for i, pairs in enumerate(coinciding(sheet.genotype)):
        for name in sorted({name for pair in pairs for name in pair} & set(sheet.rows.names)):
            j = sheet.rows.names.index(name)
            axes.text(
                *sheet.grid.centre(i, j), "=", ha="center", va="center_baseline", fontsize=size, fontweight="bold",
                color=readable_on(colours[i, j]),
            )  # fmt: skip


def _colour_bar(figure: Figure, sheet: Sheet, scale: ScoreScale) -> None:
    width, height = sheet.size
    tall = min(sheet.grid.size[1], 1.6)
    left = sheet.left + sheet.grid.size[0] + BARS + 0.08
    bottom = height - sheet.top - tall
    low, high = next((found for found in scale.ranges if found), (0.0, 1.0)) if scale.shared else (0.0, 1.0)
    norm = matplotlib.colors.Normalize(low, high if high > low else low + max(1.0, abs(low)))
    box = (left / width, bottom / height, 0.075 / width, tall / height)
    bar = figure.colorbar(matplotlib.cm.ScalarMappable(norm, blues()), cax=figure.add_axes(box))
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, pad=2, labelsize=SMALL)
    if not scale.shared:
        bar.set_ticks([0, 1], labels=["least", "most"])
    elif scale.uniform is not None:
        ticks = {0.0: "0", high: f"{high:.2g}"}
        if scale.uniform < high:
            ticks[scale.uniform] = f"1/{round(1 / scale.uniform)}"
            bar.ax.axhline(scale.uniform, color=INK, linewidth=0.6)
        bar.set_ticks(list(ticks), labels=list(ticks.values()))
    _head(figure, sheet, left, bottom + tall + 0.05)


def _head(figure: Figure, sheet: Sheet, left: float, bottom: float) -> None:
    """What the scores are, above the colour bar; long words end where the figure does."""
    width, height = sheet.size
    fits = max(text_width(line, SMALL) for line in sheet.head) < width - left - 0.04
    x, side = (left, "left") if fits else (width - 0.06, "right")
    text = "\n".join(sheet.head)
    figure.text(x / width, bottom / height, text, ha=side, va="bottom", fontsize=SMALL, color=GREY, multialignment=side)


def _labels(axes: Axes, sheet: Sheet) -> None:
    grid, layers = sheet.grid, sheet.genotype.layers
    axes.set_xticks([x + 0.5 for x in grid.x], labels=[str(i) for i in range(1, len(grid.x) + 1)])
    axes.set_yticks([y + 0.5 for y in grid.y], labels=list(sheet.rows.names))
    axes.tick_params(axis="y", labelsize=min(NAME_SIZE, grid.cell[1] * 60))
    axes.tick_params(axis="x", labelsize=NAME_SIZE if len(layers) < 100 else SMALL)
    axes.set_xlabel("layer", labelpad=2)
    doubtful = [i for i, layer in enumerate(layers) if layer.settled is False]
    names = axes.get_xticklabels()
    for i in doubtful:
        names[i].set_color(KEPT)
    places, y = [grid.x[i] + 0.5 for i in doubtful], -0.055 / grid.cell[1]
    axes.plot(places, [y] * len(places), "v", color=KEPT, markersize=2.6, markeredgewidth=0, clip_on=False)
    _stages(axes, grid, layers)


def _stages(axes: Axes, grid: CellGrid, layers: Sequence[LayerGenotype]) -> None:
    if len({layer.stage for layer in layers}) < 2:
        return
    y = -0.13 / grid.cell[1]
    for stage, members in groupby(range(len(layers)), key=lambda i: layers[i].stage):
        run = list(members)
        first, last = grid.x[run[0]] + 0.06, grid.x[run[-1]] + 0.94
        axes.plot([first, last], [y, y], color=GREY, linewidth=0.6, clip_on=False)
        tokens, wide = layers[run[0]].grid, (last - first) * grid.cell[0]
        size = f" · {tokens[0]} × {tokens[1]}" if tokens and wide > 0.75 else ""
        name = f"stage {stage + 1}" if wide > 0.35 else str(stage + 1)
        above = y - 0.035 / grid.cell[1]
        axes.text((first + last) / 2, above, f"{name}{size}", ha="center", va="bottom", fontsize=6, color=GREY)


def _counts(axes: Axes, sheet: Sheet) -> None:
    """In how many layers each direction is kept, as bars beside the rows."""
    grid, layers = sheet.grid, sheet.genotype.layers
    start = grid.extent[0] + 0.1 / grid.cell[0]
    axes.text(start, -0.05 / grid.cell[1], "layers", va="bottom", fontsize=SMALL, color=GREY)
    for y, name in zip(grid.y, sheet.rows.names, strict=True):
        count = sum(name in layer.directions for layer in layers)
        length = BAR_SCALE * count / len(layers) / grid.cell[0]
        axes.add_patch(
            matplotlib.patches.Rectangle(
                (start, y + 0.28), length, 0.44, facecolor="#b9c2cc", linewidth=0, clip_on=False
            )
        )
        axes.text(
            start + length + 0.035 / grid.cell[0], y + 0.5, str(count), va="center_baseline", color=GREY,
            fontsize=min(SMALL, grid.cell[1] * 60),
        )  # fmt: skip


def applies(source: RunSource) -> str | None:
    """A heatmap needs a genotype of at most ``MOST_LAYERS`` layers."""
    if source.genotype is None:
        return source.unfinished
    count = len(source.genotype.layers)
    return f"it shows at most {MOST_LAYERS} layers, but this genotype has {count:,}" if count > MOST_LAYERS else None


HEATMAP = FigureSpec("heatmap", RunSource, "layers x candidates, kept cells marked, scores shown", draw, applies)
