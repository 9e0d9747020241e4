"""A search space: the snail against LocalMamba's rows, columns and windows."""

from scansearch import SearchSpace

GARDEN = SearchSpace(
    name="garden",
    candidates=("snail", "snail_flip", "h", "v", "w2"),
    keep=2,
    description="the snail both ways, rows, columns and small windows; keep 2",
)
