"""What a model is to the rest of the package: its options, where its layers stand, and how to build and count it."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import Self

from scansearch.errors import UnsupportedError
from scansearch.lazy import torch
from scansearch.models.flop_formulas import Flops, Formula
from scansearch.models.model_options import ModelOptions
from scansearch.models.weight_check import Recognised, check_weights
from scansearch.registry import unknown_name
from scansearch.shape import ImageShape, Size
from scansearch.space import BoundSpace, Costs, SearchSpace

if TYPE_CHECKING:
    from torch import nn

    from scansearch.models.supernet import Supernet

Directions = Sequence[Sequence[str]]
"""Scan orders, a list a layer."""


class LayerInfo(NamedTuple):
    """Where a layer stands.

    Args:
        stage: Stage of a hierarchical model; 0 in a plain one.
        grid: Rows and columns of its tokens.
    """

    stage: int
    grid: Size


class Official(NamedTuple):
    """What a model is called in the code that was published with it.

    Args:
        code: The code base, ``"LocalMamba"``.
        name: Its class there.
        settings: Arguments of that class which are not its defaults.
        unlike: What that code does otherwise than the network here, a phrase each.
        windows: What becomes of windows that do not divide the grid here, ``"cut"`` or ``"padded"``.
    """

    code: str
    name: str
    settings: dict[str, Any]
    unlike: tuple[str, ...] = ()
    windows: str = "cut"


class ModelSpec(ABC):
    """A model by name: a family, with options.

    A family subclasses this, names its ``Options``, and says what a network of it is; instances with a name are registered
    in ``MODELS``, or are entry points of ``scansearch.models``. The life of one: ``configure`` for the options of a run,
    ``layers`` to bind a space to it, ``supernet`` for the search, ``network`` for what it found.

    Args:
        name: Name on the command line.
        description: One line for listings.
        **options: Options that differ from the family's defaults.

    Raises:
        ScansearchError: If an option is not allowed.
    """

    Options: type[ModelOptions] = ModelOptions

    def __init__(self, name: str, description: str, **options: Any) -> None:
        self.name, self.description = name, description
        self.options = self.Options(**options)

    def configure(self, **options: Any) -> Self:
        """The same model with some options changed.

        Raises:
            ScansearchError: If an option is unknown or its value is not allowed.
        """
        known = list(self.Options.model_fields)
        for name in options:
            if name not in known:
                raise unknown_name(f"option of model {self.name}", name, known)
        changed = copy.copy(self)
        changed.options = self.options.changed(**options)
        return changed

    @property
    def lr(self) -> float | None:
        """The peak learning rate of AdamW that suits its width; ``None`` for the general default."""
        return None

    @abstractmethod
    def layers(self, shape: ImageShape) -> tuple[LayerInfo, ...]:
        """The layers that are searched, first layer first.

        Raises:
            ScansearchError: If the model does not take such images.
        """

    @abstractmethod
    def network(self, directions: Directions, shape: ImageShape) -> nn.Module:
        """The network that runs just these directions: images (B, C, H, W) to logits (B, classes).

        Raises:
            ScansearchError: If the directions or the shape do not fit the model.
        """

    @abstractmethod
    def supernet(self, candidates: Directions, shape: ImageShape) -> Supernet:
        """The supernet that holds all candidates of every layer; errors as ``network``."""

    def parameters(self, directions: Directions, shape: ImageShape, *, supernet: bool = False) -> int:
        """How many parameters the network of these directions has, or the supernet of these candidates; errors as ``network``.

        By default it is built, without memory for its weights, and counted. `scansearch models` is quicker with a family that
        can tell without.
        """
        with torch.device("meta"):
            built = self.supernet(directions, shape) if supernet else self.network(directions, shape)
        return sum(p.numel() for p in built.parameters())

    def flops(self, formula: Formula, directions: Directions, shape: ImageShape) -> Flops:
        """FLOPs of one image by a formula: of each layer without directions, and of each of these directions in it.

        Raises:
            UnsupportedError: If the family does not count them, as by default.
        """
        raise UnsupportedError(
            f"no FLOP formula is known for {self.name}; measure it with `scansearch bench --model {self.name} --unit ms`"
        )

    def official_state_dict(self, network: nn.Module) -> dict[str, Any]:
        """Weights of a network or supernet of this model under their names in the published code; by default our own."""
        return dict(network.state_dict())

    def from_official(self, network: nn.Module, weights: Mapping[str, Any]) -> dict[str, Any]:
        """The opposite: the network's state dict, of weights that have the names and shapes of its ``official_state_dict``."""
        return dict(weights)

    def recognise(self, weights: Mapping[str, Any]) -> Recognised | None:
        """What network of this family weights with published names are of; ``None`` if of none, or unknown, as by default.

        They may be anybody's: names and shapes are all that is looked at, and none of them is relied on.
        """
        return None

    def load_official(self, network: nn.Module, weights: Mapping[str, Any]) -> None:
        """Copies weights with the names of the published code into a network or supernet of this model.

        Raises:
            ScansearchError: If they are not those of such a network: what is missing, what it has not, what has another shape, and
                which model they fit. The network is then as it was.
        """
        check_weights(weights, self.official_state_dict(network), self)
        network.load_state_dict(self.from_official(network, weights))

    def official_shape(self, weights: Mapping[str, Any], shape: ImageShape) -> ImageShape:
        """Images and classes that weights with the names of the published code are for; by default ``shape``.

        Args:
            weights: As ``load_official`` takes them, or anything.
            shape: What is assumed where they do not tell.
        """
        return shape

    def official(self, shape: ImageShape | None) -> Official | None:
        """The model in the code that was published with it; ``None`` if there is none, as by default.

        Args:
            shape: Its images, if they are known.

        Raises:
            UnsupportedError: If that depends on images that are not known.
        """
        return None


def bind_to(space: SearchSpace, spec: ModelSpec, shape: ImageShape, costs: Costs | None = None) -> BoundSpace:
    """Lays a space out on the layers of a model; errors as ``SearchSpace.bind`` and ``ModelSpec.layers``."""
    infos = spec.layers(shape)
    return space.bind([info.grid for info in infos], [info.stage for info in infos], costs)
