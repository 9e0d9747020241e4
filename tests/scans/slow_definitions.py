"""The scan orders again, in plain Python and by other algorithms than the catalogue's: slow, and easy to check by eye.

``visit(base, height, width)`` returns tokens counted row by row. Every definition yields cells (row, column) in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache

import numpy as np

Cell = tuple[int, int]

MASK_64 = 2**64 - 1
MASK_128 = 2**128 - 1
PCG_MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645  # O'Neill, PCG (2014): the 128-bit linear congruential generator


def visit(base: str, height: int, width: int) -> list[int]:
    for pattern, define in DEFINITIONS.items():
        if found := re.fullmatch(pattern, base):
            return [row * width + col for row, col in define(height, width, *found.groups())]
    raise KeyError(base)


def defines(base: str, height: int, width: int) -> bool:
    """Whether there is a slow definition: general rectangles have none of the Hilbert curve, only properties."""
    return base != "hilbert" or (height == width and height & (height - 1) == 0)


def cells(height: int, width: int) -> list[Cell]:
    return [(row, col) for row in range(height) for col in range(width)]


def raster(height: int, width: int, name: str) -> Iterable[Cell]:
    by_columns = sorted(cells(height, width), key=lambda cell: (cell[1], cell[0]))
    return cells(height, width) if name == "h" else by_columns


def window(
    height: int, width: int, rows: str, columns: str | None, by_columns: str | None, snake: str | None
) -> Iterator[Cell]:
    """Windows in raster order, raster inside; ``_col``: both by columns; ``_snake``: there and back inside a window."""
    step, other_step = int(rows), int(columns or rows)
    if by_columns:
        turned = window(width, height, str(other_step), str(step), None, snake)
        yield from ((row, col) for col, row in turned)
        return
    for top in range(0, height, step):
        for left in range(0, width, other_step):
            for line, row in enumerate(range(top, min(top + step, height))):
                cols = list(range(left, min(left + other_step, width)))
                yield from ((row, col) for col in (cols[::-1] if snake and line % 2 else cols))


def snake(height: int, width: int) -> Iterable[Cell]:
    return sorted(cells(height, width), key=lambda cell: (cell[0], -cell[1] if cell[0] % 2 else cell[1]))


def diagonal(height: int, width: int, anti: str | None, variant: str | None) -> Iterator[Cell]:
    walk = {None: plain_diagonal, "_zigzag": zigzag, "_wrap": wrapped_diagonal}[variant]
    yield from ((row, width - 1 - col if anti else col) for row, col in walk(height, width))


def plain_diagonal(height: int, width: int) -> Iterator[Cell]:
    for number in range(height + width - 1):
        yield from ((row, number - row) for row in range(height) if 0 <= number - row < width)


def zigzag(height: int, width: int) -> Iterator[Cell]:
    """JPEG's: up and to the right until there is an edge, one step along it, then down and to the left."""
    row = col = 0
    upwards = True
    for _ in range(height * width):
        yield row, col
        ahead = (row - 1, col + 1) if upwards else (row + 1, col - 1)
        if 0 <= ahead[0] < height and 0 <= ahead[1] < width:
            row, col = ahead
            continue
        right_first = col < width - 1 if upwards else row == height - 1
        row, col = (row, col + 1) if right_first else (row + 1, col)
        upwards = not upwards


def wrapped_diagonal(height: int, width: int) -> Iterator[Cell]:
    for start in range(width):
        yield from ((row, (start - row) % width) for row in range(height))


def hilbert(height: int, width: int) -> Iterator[Cell]:
    """The distance along the curve, two bits a level from the finest on: the quadrant, and how it is turned."""
    assert defines("hilbert", height, width)
    for distance in range(height * width):
        row, col, rest, side = 0, 0, distance, 1
        while side < width:
            right = rest // 2 % 2
            down = (rest ^ right) % 2
            if not down:
                if right:
                    row, col = side - 1 - row, side - 1 - col
                row, col = col, row
            row, col = row + side * down, col + side * right
            rest //= 4
            side *= 2
        yield row, col


def morton(height: int, width: int) -> Iterable[Cell]:
    def interleaved(cell: Cell) -> str:
        return "".join(a + b for a, b in zip(f"{cell[0]:024b}", f"{cell[1]:024b}", strict=True))

    return sorted(cells(height, width), key=interleaved)


def peano(height: int, width: int) -> Iterator[Cell]:
    side = 1
    while side < max(height, width):
        side *= 3
    yield from ((row, col) for row, col in peano_square(side) if row < height and col < width)


@cache
def peano_square(side: int) -> list[Cell]:
    """Nine copies of the next smaller curve, in a serpentine, mirrored so that each starts where the last one ended."""
    if side == 1:
        return [(0, 0)]
    part = side // 3
    found = []
    for block_row, block_cols in ((0, (0, 1, 2)), (1, (2, 1, 0)), (2, (0, 1, 2))):
        for block_col in block_cols:
            for row, col in peano_square(part):
                inside = (part - 1 - row if block_col == 1 else row, part - 1 - col if block_row == 1 else col)
                found.append((block_row * part + inside[0], block_col * part + inside[1]))
    return found


def spiral(height: int, width: int) -> Iterator[Cell]:
    """A turtle that turns right wherever the way ahead is not free."""
    left = set(cells(height, width))
    row, col, down, right = 0, 0, 0, 1
    while left:
        yield row, col
        left.remove((row, col))
        if (row + down, col + right) not in left:
            down, right = right, -down
        row, col = row + down, col + right


def atrous(height: int, width: int, stride: str) -> Iterator[Cell]:
    step = int(stride)
    for top in range(min(step, height)):
        for left in range(min(step, width)):
            yield from ((row, col) for row in range(top, height, step) for col in range(left, width, step))


def random(height: int, width: int, seed: str) -> Iterable[Cell]:
    numbers = pcg64(np.random.SeedSequence([int(seed), height, width]).generate_state(4, np.uint64).tolist())
    return [cell for _, cell in sorted((next(numbers), cell) for cell in cells(height, width))]


def pcg64(words: list[int]) -> Iterator[int]:
    """PCG XSL RR 128/64 from 4 words of 64 bits: the state and the stream, the high word of each first."""
    increment = ((words[2] << 64 | words[3]) << 1 | 1) & MASK_128
    state = (increment + (words[0] << 64 | words[1])) * PCG_MULTIPLIER + increment & MASK_128
    while True:
        state = state * PCG_MULTIPLIER + increment & MASK_128
        folded, turn = (state >> 64 ^ state) & MASK_64, state >> 122
        yield (folded >> turn | folded << (64 - turn)) & MASK_64


DEFINITIONS: dict[str, Callable[..., Iterable[Cell]]] = {
    "(h|v)": raster,
    r"w([0-9]+)(?:x([0-9]+))?(_col)?(_snake)?": window,
    "snake": snake,
    "(anti)?diagonal(_zigzag|_wrap)?": diagonal,
    "hilbert": hilbert,
    "morton": morton,
    "peano": peano,
    "spiral": spiral,
    "atrous([0-9]+)": atrous,
    "random:([0-9]+)": random,
}
