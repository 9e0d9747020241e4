"""The sizes of LocalVMamba that come with the package, and VMamba as its paper has it, which is a LocalVMamba without SCAttn."""

from scansearch.models.local_vmamba.spec import LocalVMambaSpec

LOCAL_VMAMBA_TINY = LocalVMambaSpec(
    "local_vmamba_tiny",
    "LocalVMamba-T of the paper: widths 96 to 768, 15 layers, windows padded as in its released weights",
    patch_size=4,
    windows="padded",
)
LOCAL_VMAMBA_SMALL = LocalVMambaSpec(
    "local_vmamba_small",
    "LocalVMamba-S of the paper: widths 96 to 768, 33 layers, windows padded as in its released weights",
    patch_size=4,
    depths=[2, 2, 27, 2],
    windows="padded",
)
LOCAL_VMAMBA_SEARCH = LocalVMambaSpec(
    "local_vmamba_search",
    "the paper's search widths 32 to 256, 15 layers, for T; with depths=[2,2,27,2] for S",
    patch_size=4,
    embed_dim=32,
)
LOCAL_VMAMBA_MICRO = LocalVMambaSpec(
    "local_vmamba_micro",
    "widths 16 to 128, 6 layers, for a CPU and images of 14 to 32 pixels",
    embed_dim=16,
    depths=[1, 1, 3, 1],
    attention="channel_spatial",
)
LOCAL_VMAMBA_NANO = LocalVMambaSpec(
    "local_vmamba_nano",
    "widths 8 to 64, 4 layers, for tests and first looks at images of 14 to 32 pixels",
    embed_dim=8,
    depths=[1, 1, 1, 1],
    d_state=8,
    attention="channel_spatial",
)
VMAMBA_TINY = LocalVMambaSpec(
    "vmamba_tiny",
    "VMamba-T of its paper (vanilla_vmamba_tiny in its code): widths 96 to 768, 15 layers, no SCAttn",
    patch_size=4,
    attention="none",
)
VMAMBA_SMALL = LocalVMambaSpec(
    "vmamba_small",
    "VMamba-S of its paper (vanilla_vmamba_small in its code): widths 96 to 768, 33 layers, no SCAttn",
    patch_size=4,
    depths=[2, 2, 27, 2],
    attention="none",
)
