"""LocalVMamba as a model of the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from scansearch.models.checks import check_layers
from scansearch.models.flop_formulas import Flops, Formula
from scansearch.models.local_vmamba.flops import LocalVMambaFlops
from scansearch.models.local_vmamba.official_names import official, official_shape, renewed
from scansearch.models.local_vmamba.options import LocalVMambaOptions
from scansearch.models.local_vmamba.recognition import recognise
from scansearch.models.mixer_spec import MixerSpec
from scansearch.models.model_spec import Directions, LayerInfo, Official
from scansearch.models.weight_check import Recognised
from scansearch.shape import ImageShape

if TYPE_CHECKING:
    import torch
    from torch import nn

    from scansearch.models.local_vmamba.network import LocalVMamba, LocalVMambaSupernet

OFFICIAL_OP = {"ssm_d_state": 16, "ssm_ratio": 2.0, "ssm_dt_rank": "auto"}
"""What LocalMamba's and VMamba's code take if they are not told."""
PAPER_FORM = {"forward_type": "v0", "mlp_ratio": 0.0, "downsample_version": "v1", "patchembed_version": "v1"}
"""What makes VMamba's code build the network of its paper."""


class LocalVMambaSpec(MixerSpec):
    """A LocalVMamba by name; the arguments are those of ``ModelSpec``."""

    Options: type[LocalVMambaOptions] = LocalVMambaOptions
    Count: type[LocalVMambaFlops] = LocalVMambaFlops
    options: LocalVMambaOptions
    lr_times_width = 0.096
    """1e-3 at 96, the first width of LocalVMamba-T and VMamba-T; what was tried at 8 and 16: docs/train.md."""
    depth_setting = "depths"

    def layers(self, shape: ImageShape) -> tuple[LayerInfo, ...]:
        """The layers, each on the grid of its stage."""
        grids = self.options.grids(shape.size)
        return tuple(
            LayerInfo(stage, grid)
            for stage, (grid, depth) in enumerate(zip(grids, self.options.depths, strict=True))
            for _ in range(depth)
        )

    @override
    def classes(self) -> tuple[type[LocalVMamba], type[LocalVMambaSupernet]]:
        from scansearch.models.local_vmamba.network import LocalVMamba, LocalVMambaSupernet

        return LocalVMamba, LocalVMambaSupernet

    def flops(self, formula: Formula, directions: Directions, shape: ImageShape) -> Flops:
        """FLOPs of one image by a formula; errors as ``network``."""
        check_layers(self.name, self.options.depth, directions, "depths")
        return self.Count(self.options, formula, shape).count(directions)

    def official(self, shape: ImageShape | None) -> Official:
        """The ``VSSM`` of LocalMamba's code, or without SCAttn of VMamba's, where it runs VMamba's four directions alone."""
        options, settings = self.options, self._settings(shape)
        if options.attention == "none":
            return Official("VMamba", "VSSM", {**settings, **PAPER_FORM}, (), options.windows)
        same = options.attention == "channel" and options.reduction == 8
        unlike = () if same else ("attention over channels alone, reduced by 8",)
        return Official("LocalMamba", "VSSM", settings, unlike, options.windows)

    @override
    def published(self, name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
        return official(name, value)

    @override
    def load_official(self, network: nn.Module, weights: Mapping[str, Any]) -> None:
        """Copies weights with published names, VMamba's older ones too; errors as ``ModelSpec.load_official``."""
        super().load_official(network, renewed(weights))

    @override
    def recognise(self, weights: Mapping[str, Any]) -> Recognised | None:
        return recognise(weights)

    @override
    def official_shape(self, weights: Mapping[str, Any], shape: ImageShape) -> ImageShape:
        return official_shape(weights, shape)

    def _settings(self, shape: ImageShape | None) -> dict[str, Any]:
        options = self.options
        own = {"ssm_d_state": options.d_state, "ssm_ratio": float(options.expand), "ssm_dt_rank": options.dt_rank}
        sizes = {"patch_size": self.known_patch(shape), "dims": options.widths, "depths": options.depths}
        return {**sizes, **{name: value for name, value in own.items() if value != OFFICIAL_OP[name]}}
