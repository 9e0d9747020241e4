"""What an exporter is given: a derived network, which is a genotype with the model, and with weights if there are any."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.lazy import torch
from scansearch.models.genotype_fit import check_genotype
from scansearch.registry import MODELS
from scansearch.runs.origin import compare
from scansearch.runs.weights_file import WEIGHTS, read_network_file

if TYPE_CHECKING:
    from torch import Tensor, nn

    from scansearch.genotype import Genotype
    from scansearch.models import ModelSpec
    from scansearch.shape import ImageShape


LONGEST_NAME = 80  # characters: with its endings it must stay a file name


@dataclass(frozen=True)
class DerivedNetwork:
    """The network of a genotype.

    Args:
        genotype: Directions, layer by layer.
        weights: Its state dict, if it has one.
        title: What it is called: a run's name, or that of a genotype file.
        trained: Whether the weights were trained; else they are initial ones.
    """

    genotype: Genotype
    weights: Mapping[str, Tensor] | None = None
    title: str = ""
    trained: bool = True

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

    @property
    def name(self) -> str:
        """A Python name: that of the model, with the title, as ``local_vim_micro_first``.

        A genotype may come from anywhere: whatever is called what, it has small letters, digits and underscores only.
        """
        model, title = _plain(self.genotype.model or "") or "model", _plain(self.title)
        if title:
            model = title if title.startswith(model) else f"{model}_{title}"
        return f"_{model}"[:LONGEST_NAME].rstrip("_") if model[0].isdigit() else model[:LONGEST_NAME].rstrip("_")

    def build(self, **options: Any) -> nn.Module:
        """The network on a CPU, in evaluation mode, with the weights if there are any.

        Args:
            **options: Options of the model that are set for this.

        Raises:
            ScansearchError: If images and classes are not known, the genotype does not fit the model, or the weights do not fit.
        """
        shape, spec = known_shape(self), self.spec.configure(**options)
        check_genotype(self.genotype, spec, shape)
        made = spec.network(self.genotype.directions, shape)
        if self.weights is not None:
            try:
                made.load_state_dict(self.weights)
            except RuntimeError as error:
                raise ScansearchError(f"these weights are not for {spec.name}: {error}") from error
        return made.eval()

    def with_initial_weights(self) -> Self:
        """The same with weights that a training would begin with, every time the same; errors as ``build``."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return replace(self, weights=self.build().state_dict(), trained=False)


def known_shape(network: DerivedNetwork) -> ImageShape:
    """Images and classes of a network.

    Raises:
        UnsupportedError: If the genotype does not tell.
    """
    if network.shape is None:
        raise UnsupportedError(
            "this genotype does not say what images its network takes; add them to its JSON, such as "
            '"shape": {"height": 224, "width": 224, "channels": 3, "classes": 1000}'
        )
    return network.shape


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def trained_weights(folder: Path, genotype: Genotype) -> dict[str, Tensor] | None:
    """The weights of a run folder, by the names of its network; ``None`` if it has none.

    Args:
        folder: The run folder.
        genotype: What is in its ``genotype.json``; weights are those of its directions, in their order.

    Raises:
        ScansearchError: If the file is damaged, or says that it is of another network.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        return None
    facts, weights = read_network_file(path)
    if facts is not None:
        says = _told(genotype.model, genotype.options or {}, genotype.directions, genotype.shape)
        made = _told(facts.model, facts.options, facts.directions, facts.shape)
        compare(says, made, f"{folder / 'genotype.json'} says", f"{WEIGHTS} is of a network with")
    return weights


def _told(
    model: str | None, options: dict[str, Any], directions: Sequence[Sequence[str]], shape: ImageShape | None
) -> dict[str, Any]:
    return {"model": model, "options": options, "directions": directions, "shape": shape}
