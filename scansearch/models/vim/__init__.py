"""Vim (arXiv 2401.09417): a LocalVim without attention, of other flips; its sizes, and names in Vim's code."""

from scansearch.models.vim.spec import VimSpec

__all__ = ["VimSpec"]
