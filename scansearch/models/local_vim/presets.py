"""The sizes of LocalVim that come with the package."""

from scansearch.models.local_vim.spec import LocalVimSpec

LOCAL_VIM_TINY = LocalVimSpec(
    "local_vim_tiny", "LocalVim-T of the paper: width 192, 20 layers", patch_size=16, embed_dim=192
)
LOCAL_VIM_SMALL = LocalVimSpec(
    "local_vim_small", "LocalVim-S of the paper: width 384, 20 layers", patch_size=16, embed_dim=384
)
LOCAL_VIM_SEARCH = LocalVimSpec(
    "local_vim_search",
    "the paper's search width 128, 20 layers; its genotype serves T and S",
    patch_size=16,
    embed_dim=128,
)
LOCAL_VIM_MICRO = LocalVimSpec(
    "local_vim_micro", "width 32, 6 layers, for a CPU", embed_dim=32, depth=6, attention="channel_spatial"
)
LOCAL_VIM_NANO = LocalVimSpec(
    "local_vim_nano",
    "width 16, 4 layers, for tests and first looks",
    embed_dim=16,
    depth=4,
    d_state=8,
    attention="channel_spatial",
)
