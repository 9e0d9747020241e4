"""LocalVim as a model of the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from scansearch.errors import UnsupportedError
from scansearch.models.checks import check_depth, check_layers
from scansearch.models.flop_formulas import Flops, Formula
from scansearch.models.local_vim.flops import count_flops
from scansearch.models.local_vim.official_names import official, official_shape
from scansearch.models.local_vim.options import LocalVimOptions
from scansearch.models.local_vim.recognition import recognise
from scansearch.models.model_spec import Directions, LayerInfo, ModelSpec, Official
from scansearch.models.official_names import from_renamed, renamed_state_dict
from scansearch.models.size_limits import check_parameters
from scansearch.models.weight_check import Recognised
from scansearch.shape import ImageShape

if TYPE_CHECKING:
    import torch
    from torch import nn

    from scansearch.models.local_vim.network import LocalVim, LocalVimSupernet

OFFICIAL_MIXER = {"d_state": 16, "expand": 2, "d_conv": 4, "dt_rank": "auto"}
"""What LocalMamba's mixer is told through ``ssm_cfg``, and what it takes without."""


class LocalVimSpec(ModelSpec):
    """A LocalVim by name; the arguments are those of ``ModelSpec``."""

    Options = LocalVimOptions
    options: LocalVimOptions

    def layers(self, shape: ImageShape) -> tuple[LayerInfo, ...]:
        """The layers: all on the grid of the patches."""
        return (LayerInfo(0, self.options.grid(shape.size)),) * self.options.depth

    def network(self, directions: Directions, shape: ImageShape) -> LocalVim:
        """The network that runs just these directions: images (B, C, H, W) to logits (B, classes).

        Raises:
            ScansearchError: If the number of layers is wrong, a layer's directions are empty or repeated, or the network would
                be too large.
        """
        from scansearch.models.local_vim.network import LocalVim  # needs torch; what else a spec says does not

        self._check(directions, shape)
        return LocalVim(self.options, directions, shape)

    def supernet(self, candidates: Directions, shape: ImageShape) -> LocalVimSupernet:
        """The supernet that holds all candidates of every layer; errors as ``network``."""
        from scansearch.models.local_vim.network import LocalVimSupernet

        self._check(candidates, shape)
        return LocalVimSupernet(self.options, candidates, shape)

    @override
    def parameters(self, directions: Directions, shape: ImageShape, *, supernet: bool = False) -> int:
        self._check(directions, shape)
        return self.options.parameters(directions, shape) + (sum(map(len, directions)) if supernet else 0)

    def flops(self, formula: Formula, directions: Directions, shape: ImageShape) -> Flops:
        """FLOPs of one image by a formula; errors as ``network``."""
        check_depth(self.name, self.options.depth, directions)
        return count_flops(self.options, formula, directions, shape)

    def official(self, shape: ImageShape | None) -> Official:
        """The ``VisionMamba`` of LocalMamba's code."""
        options, unlike = self.options, []
        mixer = {
            key: getattr(options, key) for key, theirs in OFFICIAL_MIXER.items() if getattr(options, key) != theirs
        }
        if options.attention != "channel" or options.reduction != 8:
            unlike.append("attention over channels alone, reduced by 8")
        if options.class_token == "middle" and options.flips != "patches":
            unlike.append("directions that flip the patches around the class token")
        if options.merge != "sum":
            unlike.append("the sum of the directions in the place of their mean")
        sizes = {"patch_size": self._patch(shape), "embed_dim": options.embed_dim, "depth": options.depth}
        token = {"if_cls_token": True, "use_middle_cls_token": True} if options.class_token == "middle" else {}
        settings = {**sizes, **token, **({"ssm_cfg": mixer} if mixer else {})}
        return Official("LocalMamba", "VisionMamba", settings, tuple(unlike), options.windows)

    def official_state_dict(self, network: nn.Module) -> dict[str, torch.Tensor]:
        """Weights of a network or supernet as LocalMamba's code loads them."""
        return renamed_state_dict(network, official)

    @override
    def from_official(self, network: nn.Module, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return from_renamed(network, weights, official)

    @override
    def recognise(self, weights: Mapping[str, Any]) -> Recognised | None:
        return recognise(weights)

    @override
    def official_shape(self, weights: Mapping[str, torch.Tensor], shape: ImageShape) -> ImageShape:
        return official_shape(weights, shape)

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
        check_layers(self.name, self.options.depth, directions)
        check_parameters(self.name, self.options.parameters(directions, shape))
