"""LocalVim as a model of the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from scansearch.models.checks import check_depth
from scansearch.models.flop_formulas import Flops, Formula
from scansearch.models.local_vim.flops import count_flops
from scansearch.models.local_vim.official_names import official, official_shape
from scansearch.models.local_vim.options import LocalVimOptions
from scansearch.models.local_vim.recognition import recognise
from scansearch.models.mixer_spec import MixerSpec
from scansearch.models.model_spec import Directions, LayerInfo, Official
from scansearch.models.weight_check import Recognised
from scansearch.shape import ImageShape

if TYPE_CHECKING:
    import torch

    from scansearch.models.local_vim.network import LocalVim, LocalVimSupernet

OFFICIAL_MIXER = {"d_state": 16, "expand": 2, "d_conv": 4, "dt_rank": "auto"}
"""What LocalMamba's mixer is told through ``ssm_cfg``, and what it takes without."""


class LocalVimSpec(MixerSpec):
    """A LocalVim by name; the arguments are those of ``ModelSpec``."""

    Options = LocalVimOptions
    options: LocalVimOptions
    lr_times_width = 0.384
    """1e-3 at 384, the width of LocalVim-S."""

    def layers(self, shape: ImageShape) -> tuple[LayerInfo, ...]:
        """The layers: all on the grid of the patches."""
        return (LayerInfo(0, self.options.grid(shape.size)),) * self.options.depth

    @override
    def classes(self) -> tuple[type[LocalVim], type[LocalVimSupernet]]:
        from scansearch.models.local_vim.network import LocalVim, LocalVimSupernet

        return LocalVim, LocalVimSupernet

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
        sizes = {"patch_size": self.known_patch(shape), "embed_dim": options.embed_dim, "depth": options.depth}
        token = {"if_cls_token": True, "use_middle_cls_token": True} if options.class_token == "middle" else {}
        settings = {**sizes, **token, **({"ssm_cfg": mixer} if mixer else {})}
        return Official("LocalMamba", "VisionMamba", settings, tuple(unlike), options.windows)

    @override
    def published(self, name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
        return official(name, value)

    @override
    def recognise(self, weights: Mapping[str, Any]) -> Recognised | None:
        return recognise(weights)

    @override
    def official_shape(self, weights: Mapping[str, torch.Tensor], shape: ImageShape) -> ImageShape:
        return official_shape(weights, shape)
