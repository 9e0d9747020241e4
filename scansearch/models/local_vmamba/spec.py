"""LocalVMamba as a model of the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from scansearch.errors import UnsupportedError
from scansearch.lazy import torch
from scansearch.models.checks import check_layers
from scansearch.models.flop_formulas import Flops, Formula
from scansearch.models.local_vmamba.flops import LocalVMambaFlops
from scansearch.models.local_vmamba.official_names import official, renewed
from scansearch.models.local_vmamba.options import LocalVMambaOptions
from scansearch.models.local_vmamba.recognition import recognise
from scansearch.models.model_spec import Directions, LayerInfo, ModelSpec, Official
from scansearch.models.official_names import from_renamed, renamed_state_dict
from scansearch.models.size_limits import check_parameters
from scansearch.models.weight_check import Recognised
from scansearch.shape import ImageShape

if TYPE_CHECKING:
    from torch import nn

    from scansearch.models.local_vmamba.network import LocalVMamba, LocalVMambaSupernet

OFFICIAL_OP = {"ssm_d_state": 16, "ssm_ratio": 2.0, "ssm_dt_rank": "auto"}
"""What LocalMamba's and VMamba's code take if they are not told."""
PAPER_FORM = {"forward_type": "v0", "mlp_ratio": 0.0, "downsample_version": "v1", "patchembed_version": "v1"}
"""What makes VMamba's code build the network of its paper."""


class LocalVMambaSpec(ModelSpec):
    """A LocalVMamba by name; the arguments are those of ``ModelSpec``."""

    Options: type[LocalVMambaOptions] = LocalVMambaOptions
    Count: type[LocalVMambaFlops] = LocalVMambaFlops
    options: LocalVMambaOptions

    def layers(self, shape: ImageShape) -> tuple[LayerInfo, ...]:
        """The layers, each on the grid of its stage."""
        grids = self.options.grids(shape.size)
        return tuple(
            LayerInfo(stage, grid)
            for stage, (grid, depth) in enumerate(zip(grids, self.options.depths, strict=True))
            for _ in range(depth)
        )

    def network(self, directions: Directions, shape: ImageShape) -> LocalVMamba:
        """The network that runs just these directions: images (B, C, H, W) to logits (B, classes).

        Raises:
            ScansearchError: If the number of layers is wrong, a layer's directions are empty or repeated, or the network would
                be too large.
        """
        self._check(directions, shape)
        return self._classes()[0](self.options, directions, shape)

    def supernet(self, candidates: Directions, shape: ImageShape) -> LocalVMambaSupernet:
        """The supernet that holds all candidates of every layer; errors as ``network``."""
        self._check(candidates, shape)
        return self._classes()[1](self.options, candidates, shape)

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

    def official_state_dict(self, network: nn.Module) -> dict[str, torch.Tensor]:
        """Weights of a network or supernet as LocalMamba's and VMamba's code load them."""
        return renamed_state_dict(network, official)

    @override
    def from_official(self, network: nn.Module, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return from_renamed(network, weights, official)

    @override
    def load_official(self, network: nn.Module, weights: Mapping[str, Any]) -> None:
        """Copies weights with published names, VMamba's older ones too; errors as ``ModelSpec.load_official``."""
        super().load_official(network, renewed(weights))

    @override
    def recognise(self, weights: Mapping[str, Any]) -> Recognised | None:
        return recognise(weights)

    def _classes(self) -> tuple[type[LocalVMamba], type[LocalVMambaSupernet]]:
        from scansearch.models.local_vmamba.network import (  # needs torch; what else a spec says does not
            LocalVMamba,
            LocalVMambaSupernet,
        )

        return LocalVMamba, LocalVMambaSupernet

    def _settings(self, shape: ImageShape | None) -> dict[str, Any]:
        options = self.options
        own = {"ssm_d_state": options.d_state, "ssm_ratio": float(options.expand), "ssm_dt_rank": options.dt_rank}
        sizes = {"patch_size": self._patch(shape), "dims": options.widths, "depths": options.depths}
        return {**sizes, **{name: value for name, value in own.items() if value != OFFICIAL_OP[name]}}

    def _patch(self, shape: ImageShape | None) -> int:
        if self.options.patch_size != "auto":
            return self.options.patch_size
        if shape is None:
            raise UnsupportedError(
                "the patch size of this network depends on its images, and it is not known how large they were; add patch_size "
                "to its options"
            )
        return self.options.patch(shape.size)

    def _check(self, directions: Directions, shape: ImageShape) -> None:
        check_layers(self.name, self.options.depth, directions, "depths")
        with torch.device("meta"):
            sketch = self._classes()[0](self.options, directions, shape)
        check_parameters(self.name, sum(p.numel() for p in sketch.parameters()))
