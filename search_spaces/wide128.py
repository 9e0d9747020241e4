"""A hundred and twenty-eight directions, as many as the paper's outlook (LocalMamba, section 6) speaks of.

Sixty-four orders and their flips: rasters, windows of many sizes by rows and by columns, plain and there and back, and the
symmetries of snakes, diagonals, Hilbert curves, Z-orders, Peano curves and spirals. All 128 differ
on grids of 8 x 8, 14 x 14 and 56 x 56 tokens; where some coincide they are offered once.
"""

from scansearch.space import SearchSpace

KINDS = (
    *("h", "h_lr", "v", "v_lr"),
    *(f"w{k}{column}" for k in (2, 3, 4, 5, 6, 7) for column in ("", "_col")),
    *(f"w{k}_snake{column}" for k in (2, 3, 4) for column in ("", "_col")),
    *(f"{kind}{column}" for kind in ("w2x3", "w3x2", "w2x4", "w4x2") for column in ("", "_col")),
    *("w5_snake", "snake", "snake_t", "snake_lr", "snake_t_ud"),
    *("diagonal", "antidiagonal", "diagonal_zigzag", "antidiagonal_zigzag", "diagonal_wrap", "antidiagonal_wrap"),
    *("hilbert", "hilbert_t", "hilbert_ud", "hilbert_t_lr"),
    *("morton", "morton_t", "morton_lr", "morton_t_ud"),
    *("peano", "peano_t", "peano_lr"),
    *("spiral", "spiral_t", "spiral_lr", "spiral_t_lr", "spiral_ud", "spiral_lr_ud"),
    *("atrous2", "atrous2_t", "atrous3", "atrous3_t", "atrous4", "atrous4_t"),
)

WIDE128 = SearchSpace(
    name="wide128",
    candidates=tuple(name for kind in KINDS for name in (kind, f"{kind}_flip")),
    keep=4,
    description="64 orders of every family and their flips; keep 4",
)
