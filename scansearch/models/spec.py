"""A model as registered: its options, the grids of its layers, and how to build it as a network or a supernet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scansearch.errors import ScansearchError
from scansearch.models.config import LocalVimConfig, options_of
from scansearch.models.limits import check_parameters, check_sizes
from scansearch.options import Option
from scansearch.registry import unknown_name

if TYPE_CHECKING:
    from scansearch.models.local_vim import LocalVim, LocalVimSupernet

Size = tuple[int, int]


@dataclass(frozen=True)
class LayerInfo:
    """Where a layer stands.

    Args:
        stage: Stage of a hierarchical model; 0 in a plain one.
        grid: Rows and columns of its tokens.
    """

    stage: int
    grid: Size


@dataclass(frozen=True)
class ModelSpec:
    """A LocalVim by name.

    Args:
        name: Name on the command line.
        description: One line for listings.
        config: Its options.
    """

    name: str
    description: str
    config: LocalVimConfig

    def options(self) -> list[Option]:
        """The options that ``configure`` takes."""
        return options_of(self.config)

    def configure(self, **options: Any) -> ModelSpec:
        """The same model with some options changed.

        Raises:
            ScansearchError: If an option is unknown or its value is not allowed.
        """
        known = [option.name for option in self.options()]
        for name in options:
            if name not in known:
                raise unknown_name(f"option of model {self.name}", name, known)
        return replace(self, config=replace(self.config, **options))

    def layers(self, image_size: Size) -> tuple[LayerInfo, ...]:
        """The layers for images of (height, width)."""
        return (LayerInfo(0, self.config.grid(image_size)),) * self.config.depth

    def network(
        self, directions: Sequence[Sequence[str]], *, num_classes: int, image_size: Size, in_channels: int
    ) -> LocalVim:
        """The network that runs just these directions: images (B, C, H, W) to logits (B, num_classes).

        Raises:
            ScansearchError: If the number of layers is wrong, a layer's directions are empty or repeated, or a size is not
                possible.
        """
        from scansearch.models.local_vim import LocalVim

        self._check(directions, num_classes, image_size, in_channels)
        return LocalVim(self.config, directions, num_classes, image_size, in_channels)

    def supernet(
        self, candidates: Sequence[Sequence[str]], *, num_classes: int, image_size: Size, in_channels: int
    ) -> LocalVimSupernet:
        """The supernet that holds all candidates of every layer; arguments and errors as ``network``."""
        from scansearch.models.local_vim import LocalVimSupernet

        self._check(candidates, num_classes, image_size, in_channels)
        return LocalVimSupernet(self.config, candidates, num_classes, image_size, in_channels)

    def _check(self, directions: Sequence[Sequence[str]], num_classes: int, image_size: Size, in_channels: int) -> None:
        check_sizes(num_classes, image_size, in_channels)
        if len(directions) != self.config.depth:
            raise ScansearchError(
                f"{self.name} has {self.config.depth} layers, but directions for {len(directions)} were given; "
                f"give one list a layer, or change its depth"
            )
        for number, names in enumerate(directions):
            if not names or len(set(names)) < len(names):
                raise ScansearchError(
                    f"a layer runs at least one direction and each once, but layer {number + 1} has: {', '.join(names) or 'none'}"
                )
        count = self.config.parameters(directions, image_size, in_channels)
        check_parameters(self.name, count + num_classes * self.config.embed_dim)
