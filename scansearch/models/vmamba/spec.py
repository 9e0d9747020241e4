"""Today's VMamba as a model of the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from scansearch.models.local_vmamba import LocalVMambaSpec
from scansearch.models.local_vmamba.recognition import recognise
from scansearch.models.model_spec import Official
from scansearch.models.vmamba.flops import VMambaFlops
from scansearch.models.vmamba.options import VMambaOptions
from scansearch.models.weight_check import Recognised
from scansearch.shape import ImageShape

if TYPE_CHECKING:
    from scansearch.models.vmamba.network import VMamba, VMambaSupernet

FORM = {
    "forward_type": "v05_noz", "ssm_conv_bias": False, "norm_layer": "ln2d", "downsample_version": "v3", "patchembed_version": "v2",
}  # fmt: skip


class VMambaSpec(LocalVMambaSpec):
    """Today's VMamba by name; the arguments are those of ``ModelSpec``."""

    Options = VMambaOptions
    Count = VMambaFlops
    options: VMambaOptions

    @override
    def official(self, shape: ImageShape | None) -> Official:
        unlike = () if self.options.attention == "none" else ("no attention",)
        settings = {**self._settings(shape), **FORM, "mlp_ratio": float(self.options.mlp_ratio)}
        return Official("VMamba", "VSSM", settings, unlike, self.options.windows)

    @override
    def recognise(self, weights: Mapping[str, Any]) -> Recognised | None:
        return recognise(weights, today=True)

    @override
    def classes(self) -> tuple[type[VMamba], type[VMambaSupernet]]:
        from scansearch.models.vmamba.network import VMamba, VMambaSupernet

        return VMamba, VMambaSupernet
