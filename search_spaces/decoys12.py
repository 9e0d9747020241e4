"""LocalMamba's eight directions and four decoys: fixed random permutations, which a strategy that works avoids."""

from scansearch.space import SearchSpace

DECOYS = ("random:1", "random:2", "random:3", "random:4")

DECOYS12 = SearchSpace(
    name="decoys12",
    candidates=("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip", *DECOYS),
    keep=4,
    description="LocalMamba's eight and four random permutations, a test of strategies; keep 4",
)
