"""What an exporter is given: a derived network, which is a genotype with the model, and with weights if it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scansearch.errors import UnsupportedError
from scansearch.registry import MODELS

if TYPE_CHECKING:
    from torch import Tensor

    from scansearch.genotype import Genotype
    from scansearch.models import ModelSpec
    from scansearch.shape import ImageShape


@dataclass(frozen=True)
class DerivedNetwork:
    """The network of a genotype.

    Args:
        genotype: Directions, layer by layer.
        weights: Its state dict, if it was trained.
    """

    genotype: Genotype
    weights: Mapping[str, Tensor] | None = None

    @property
    def shape(self) -> ImageShape | None:
        """Images and classes, as far as the genotype tells."""
        return self.genotype.shape

    @property
    def spec(self) -> ModelSpec:
        """The model, with the genotype's options.

        Raises:
            ScansearchError: If the genotype names no model, or one that is not registered here or cannot have these options.
        """
        name = self.genotype.model
        if name is None:
            raise UnsupportedError(
                'this genotype names no model; add one, such as "model": "local_vim_tiny", to its JSON'
            )
        spec: ModelSpec = MODELS.get(name)
        return spec.configure(**(self.genotype.options or {}))
