"""A model as registered: its options, the grids of its layers, and how to build it as a network or a supernet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from scansearch.errors import ScansearchError
from scansearch.models.config import LocalVimConfig
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

    def options(self) -> list[str]:
        """The options that ``configure`` takes."""
        return [field.name for field in fields(self.config)]

    def configure(self, **options: Any) -> ModelSpec:
        """The same model with some options changed.

        Raises:
            ScansearchError: If an option is unknown or its value is not allowed.
        """
        for name in options:
            if name not in self.options():
                raise unknown_name(f"option of model {self.name}", name, self.options())
        return replace(self, config=replace(self.config, **options))

    def layers(self, image_size: Size) -> tuple[LayerInfo, ...]:
        """The layers for images of (height, width)."""
        return (LayerInfo(0, self.config.grid(image_size)),) * self.config.depth

    def network(
        self, directions: Sequence[Sequence[str]], *, num_classes: int, image_size: Size, in_channels: int
    ) -> LocalVim:
        """The network that runs just these directions: images (B, C, H, W) to logits (B, num_classes).

        Raises:
            ScansearchError: If the number of layers is wrong, or a layer's directions are empty or repeated.
        """
        from scansearch.models.local_vim import LocalVim

        self._check(directions)
        return LocalVim(self.config, directions, num_classes, image_size, in_channels)

    def supernet(
        self, candidates: Sequence[Sequence[str]], *, num_classes: int, image_size: Size, in_channels: int
    ) -> LocalVimSupernet:
        """The supernet that holds all candidates of every layer; arguments and errors as ``network``."""
        from scansearch.models.local_vim import LocalVimSupernet

        self._check(candidates)
        return LocalVimSupernet(self.config, candidates, num_classes, image_size, in_channels)

    def _check(self, directions: Sequence[Sequence[str]]) -> None:
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
