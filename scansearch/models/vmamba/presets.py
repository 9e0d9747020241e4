"""The sizes of today's VMamba that come with the package, by their names in its code."""

from scansearch.models.vmamba.spec import VMambaSpec

VMAMBA_TINY_S1L8 = VMambaSpec(
    "vmamba_tiny_s1l8", "VMamba-T of today: widths 96 to 768, 14 layers", patch_size=4, expand=1, depths=[2, 2, 8, 2]
)
VMAMBA_TINY_S2L5 = VMambaSpec(
    "vmamba_tiny_s2l5", "VMamba-T of today, wide: widths 96 to 768, 11 layers", patch_size=4, depths=[2, 2, 5, 2]
)
VMAMBA_SMALL_S1L20 = VMambaSpec(
    "vmamba_small_s1l20", "VMamba-S of today: widths 96 to 768, 26 layers", patch_size=4, expand=1, depths=[2, 2, 20, 2]
)
VMAMBA_SMALL_S2L15 = VMambaSpec(
    "vmamba_small_s2l15", "VMamba-S of today, wide: widths 96 to 768, 21 layers", patch_size=4, depths=[2, 2, 15, 2]
)
