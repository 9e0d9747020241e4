"""The space of LocalMamba (arXiv 2403.09338): eight directions, of which every layer keeps four."""

from scansearch.space import SearchSpace

DEFAULT8 = SearchSpace(
    name="default8",
    candidates=("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip"),
    keep=4,
    description="LocalMamba's eight: rows, columns, windows of 2 and of 7, and their flips; keep 4",
)
