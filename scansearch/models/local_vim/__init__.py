"""LocalVim (arXiv 2403.09338): its options, network and supernet, FLOPs, sizes, and names in LocalMamba's code."""

from scansearch.models.local_vim.options import LocalVimOptions
from scansearch.models.local_vim.spec import LocalVimSpec

__all__ = ["LocalVimOptions", "LocalVimSpec"]
