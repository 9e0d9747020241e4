"""The sizes of Vim that come with the package."""

from scansearch.models.vim.spec import VimSpec

VIM_TINY = VimSpec("vim_tiny", "Vim-T: width 192, 24 layers, a class token in the middle", embed_dim=192)
VIM_SMALL = VimSpec("vim_small", "Vim-S: width 384, 24 layers, a class token in the middle", embed_dim=384)
VIM_TINY_ROTARY = VimSpec(
    "vim_tiny_rotary",
    "Vim-T in its first form: rotary embedding, mean of the tokens, sum of the directions",
    embed_dim=192,
    class_token="none",
    merge="sum",
)
