"""Windows of many sizes: does a layer want 2 and 7, or something between?"""

from scansearch.space import SearchSpace

WINDOWS = SearchSpace(
    name="windows",
    candidates=("w2", "w2_flip", "w3", "w3_flip", "w4", "w4_flip", "w5", "w5_flip", "w7", "w7_flip"),
    keep=4,
    description="windows of 2, 3, 4, 5 and 7 and their flips; keep 4",
)
