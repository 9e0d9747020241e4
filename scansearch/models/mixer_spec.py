"""What the specs of all families share whose layers are mixers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from scansearch.errors import UnsupportedError
from scansearch.models.checks import check_layers
from scansearch.models.model_spec import Directions, ModelSpec
from scansearch.models.official_names import from_renamed, renamed_state_dict
from scansearch.models.size_limits import check_parameters
from scansearch.shape import ImageShape

if TYPE_CHECKING:
    import torch
    from torch import nn

    from scansearch.models.supernet import Supernet


class MixerSpec(ModelSpec):
    """A model of mixers by name; the arguments are those of ``ModelSpec``.

    Its options have ``depth``, ``embed_dim``, ``patch_size``, ``patch(size)`` and ``parameters(directions, shape)``.
    """

    options: Any
    lr_times_width: ClassVar[float]
    """The family's published peak learning rate of AdamW, times the width that it was published for."""
    depth_setting: ClassVar[str] = "depth"
    """The option that says how many layers there are."""

    @property
    @override
    def lr(self) -> float:
        """Inversely proportional to the width, as for Adam (Yang et al., arXiv 2203.03466)."""
        return float(f"{self.lr_times_width / self.options.embed_dim:.2g}")

    @abstractmethod
    def classes(self) -> tuple[type[nn.Module], type[Supernet]]:
        """The family's network and supernet; they need torch, what else a spec says does not."""

    @abstractmethod
    def published(self, name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
        """One of our weights, by its name, under its published names: one tensor, or one for each of its rows."""

    def network(self, directions: Directions, shape: ImageShape) -> nn.Module:
        """The network that runs just these directions: images (B, C, H, W) to logits (B, classes).

        Raises:
            ScansearchError: If the number of layers is wrong, a layer's directions are empty or repeated, or the network would
                be too large.
        """
        self._check(directions, shape)
        return self.classes()[0](self.options, directions, shape)

    def supernet(self, candidates: Directions, shape: ImageShape) -> Supernet:
        """The supernet that holds all candidates of every layer; errors as ``network``."""
        self._check(candidates, shape)
        return self.classes()[1](self.options, candidates, shape)

    @override
    def parameters(self, directions: Directions, shape: ImageShape, *, supernet: bool = False) -> int:
        self._check(directions, shape)
        count: int = self.options.parameters(directions, shape)
        return count + (sum(map(len, directions)) if supernet else 0)

    @override
    def official_state_dict(self, network: nn.Module) -> dict[str, torch.Tensor]:
        return renamed_state_dict(network, self.published)

    @override
    def from_official(self, network: nn.Module, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return from_renamed(network, weights, self.published)

    def known_patch(self, shape: ImageShape | None) -> int:
        """Side of a patch.

        Raises:
            UnsupportedError: If it depends on images that are not known.
        """
        side: int
        if self.options.patch_size != "auto":
            side = self.options.patch_size
        elif shape is None:
            raise UnsupportedError(
                "the patch size of this network depends on its images, and it is not known how large they were; add patch_size "
                "to its options"
            )
        else:
            side = self.options.patch(shape.size)
        return side

    def _check(self, directions: Directions, shape: ImageShape) -> None:
        check_layers(self.name, self.options.depth, directions, self.depth_setting)
        check_parameters(self.name, self.options.parameters(directions, shape))
