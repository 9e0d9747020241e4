"""The models that come with the package."""

from scansearch.models.config import LocalVimConfig
from scansearch.models.spec import ModelSpec

LOCAL_VIM_TINY = ModelSpec(
    "local_vim_tiny", "LocalVim-T of the paper: width 192, 20 layers", LocalVimConfig(patch_size=16, embed_dim=192)
)
LOCAL_VIM_SMALL = ModelSpec(
    "local_vim_small", "LocalVim-S of the paper: width 384, 20 layers", LocalVimConfig(patch_size=16, embed_dim=384)
)
LOCAL_VIM_SEARCH = ModelSpec(
    "local_vim_search",
    "the paper's search width 128, 20 layers; its genotype serves T and S",
    LocalVimConfig(patch_size=16, embed_dim=128),
)
LOCAL_VIM_MICRO = ModelSpec(
    "local_vim_micro",
    "width 32, 6 layers, for a CPU",
    LocalVimConfig(embed_dim=32, depth=6, attention="channel_spatial"),
)
LOCAL_VIM_NANO = ModelSpec(
    "local_vim_nano",
    "width 16, 4 layers, for tests and first looks",
    LocalVimConfig(embed_dim=16, depth=4, d_state=8, attention="channel_spatial"),
)
