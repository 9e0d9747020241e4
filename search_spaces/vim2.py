"""The directions of Vim (arXiv 2401.09417), the same in every layer: a control, with nothing to choose."""

from scansearch.space import SearchSpace

VIM2 = SearchSpace(
    name="vim2", candidates=("h", "h_flip"), keep=2, description="Vim's fixed pair: rows and their flip; a control"
)
