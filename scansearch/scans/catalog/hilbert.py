"""The Hilbert order on any rectangle: every step goes to a neighbour, on every grid.

The curve is made of arches. An arch enters a rectangle in one corner and leaves it in the next corner along the side that it
spans. A long rectangle is two arches, one after the other. Any other is three: down one leg, along the foot below both legs,
and up the other leg; a leg is an arch that spans the height of the leg. On a 2^p x 2^p grid these are the four quadrants of D.
Hilbert's curve (Ueber die stetige Abbildung einer Linie auf ein Flaechenstueck, Mathematische Annalen 38, 1891).

Coloured like a chessboard, a path changes colour with each step. So no arch can span an odd side if the other side is even.
Otherwise there is one (but on 1 x N across N > 1), and it falls apart into such arches if lengths are cut into even halves. J.
Cerveny's generalised Hilbert curve (github.com/jakubcerveny/gilbert) spans the longer side always, and where that is odd and
the shorter one even, it steps diagonally once. Here the curve gives up its end corner instead: on such a grid it spans the
shorter side, after as many arches of even length along the longer one as it takes to come to a rectangle that is not long.

Seen in ZigMa (arXiv 2403.13802), REOrder (arXiv 2505.23751) and FractalMamba (arXiv 2405.14480).
"""

from __future__ import annotations

import numpy as np

from scansearch.lazy import torch
from scansearch.scans.family import ScanFamily

# (length, depth) of an arch -> its tokens as (place along the span, depth below it), int64 (length * depth, 2). Lives as long
# as one visit: an arch occurs many times in a curve, but the large ones are as large as the grid.
Arches = dict[tuple[int, int], np.ndarray]


def visit(height: int, width: int) -> torch.Tensor:
    """Hilbert curve from the top left corner, along the longer side (the top one of a square), int64 (H*W,)."""
    curve = _curve(max(height, width), min(height, width), {})
    row, col = curve.T if height > width else curve.T[::-1]
    return torch.from_numpy(row * width + col)


def _curve(length: int, depth: int, arches: Arches) -> np.ndarray:
    """A path over the rectangle from (0, 0); it ends in the corner (length - 1, 0) if it can."""
    if length % 2 == 0 or depth % 2 == 1:
        return _arch(length, depth, arches)
    if _is_long(length, depth):
        cut = _even_half(length)
        return np.concatenate([_arch(cut, depth, arches), _curve(length - cut, depth, arches) + np.array((cut, 0))])
    return _arch(depth, length, arches)[:, ::-1]


def _arch(length: int, depth: int, arches: Arches) -> np.ndarray:
    """A path over the rectangle from (0, 0) to (length - 1, 0); an odd length asks for an odd depth."""
    if (length, depth) not in arches:
        arches[length, depth] = np.concatenate(_parts(length, depth, arches))
    return arches[length, depth]


def _parts(length: int, depth: int, arches: Arches) -> list[np.ndarray]:
    if depth == 1:
        return [np.stack([np.arange(length), np.zeros(length, dtype=np.int64)], axis=1)]
    if _is_long(length, depth):
        cut = _even_half(length)
        return [_arch(cut, depth, arches), _arch(length - cut, depth, arches) + np.array((cut, 0))]
    leg = min(_even_half(depth), depth - 1)  # depth - 1 is 1, and only on 2 x 2
    down = _arch(leg, length // 2, arches)[:, ::-1]
    foot = _arch(length, depth - leg, arches) + np.array((0, leg))
    up = (length - 1, leg - 1) - _arch(leg, length - length // 2, arches)[:, ::-1]
    return [down, foot, up]


def _is_long(length: int, depth: int) -> bool:
    # From about 3 : 2 on, the halves are nearer to squares than the whole.
    return 2 * length > 3 * depth


def _even_half(side: int) -> int:
    return 2 * ((side + 2) // 4)


HILBERT = ScanFamily(
    name="hilbert",
    pattern=r"hilbert",
    visit=visit,
    description="Hilbert's curve on any rectangle",
    examples=("hilbert", "hilbert_t"),
)
