"""The directions of VMamba (arXiv 2401.10166), the same in every layer: a control, with nothing to choose."""

from scansearch.space import SearchSpace

VMAMBA4 = SearchSpace(
    name="vmamba4",
    candidates=("h", "v", "h_flip", "v_flip"),
    keep=4,
    description="VMamba's fixed four: rows, columns and their flips; a control",
)
