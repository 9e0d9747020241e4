"""The global scans alone: rows, columns and their flips. What LocalMamba adds windows to."""

from scansearch.space import SearchSpace

GLOBAL4 = SearchSpace(
    name="global4",
    candidates=("h", "h_flip", "v", "v_flip"),
    keep=2,
    description="rows, columns and their flips; keep 2",
)
