"""LocalMamba's eight for a model of four stages, such as LocalVMamba (arXiv 2403.09338).

On the 7 x 7 grid of the last stage a window of 7 is the whole grid, so that ``w7`` is ``h``: every published LocalVMamba
spends half of that stage's branches on duplicates. Here the last stage chooses windows of 3 instead.
"""

from scansearch.space import Override, SearchSpace

LOCALVMAMBA8 = SearchSpace(
    name="localvmamba8",
    candidates=("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip"),
    keep=4,
    stages={3: Override(candidates=("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w3", "w3_flip"))},
    description="LocalMamba's eight in stages 0 to 2, windows of 3 for 7 in stage 3; keep 4",
)
