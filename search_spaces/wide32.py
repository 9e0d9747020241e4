"""Thirty-two directions, one of every kind there is, each with its flip."""

from scansearch.space import SearchSpace

KINDS = (
    *("h", "v", "w2", "w4", "w7", "w2_col", "w4_col", "snake", "snake_t", "diagonal_zigzag", "antidiagonal_zigzag"),
    *("hilbert", "hilbert_t", "morton", "spiral", "atrous2"),
)

WIDE32 = SearchSpace(
    name="wide32",
    candidates=tuple(name for kind in KINDS for name in (kind, f"{kind}_flip")),
    keep=4,
    description="16 orders of every family and their flips; keep 4",
)
