"""Supernets whose layers are mixers with stacked branches, and the networks that are derived from them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import nn

from scansearch.errors import ScansearchError
from scansearch.models.mixer import BranchMixer
from scansearch.models.supernet import Supernet


class MixerSupernet(Supernet):
    """A network with every candidate of each of its mixers; a family adds it to its own network."""

    @abstractmethod
    def plain(self, directions: Sequence[Sequence[str]]) -> nn.Module:
        """The network of the family that has these directions, with weights of its own in this one's type and device."""

    def architecture_parameters(self) -> list[nn.Parameter]:
        """Alpha: one parameter of shape (N, 1, 1, 1) a layer."""
        return [mixer.alpha for mixer in self._mixers.values()]

    def stacked_parameters(self) -> list[list[nn.Parameter]]:
        """What every direction has its own of."""
        return [list(mixer.stacked.values()) for mixer in self._mixers.values()]

    @property
    def _mixers(self) -> dict[str, BranchMixer]:
        return {name: module for name, module in self.named_modules() if isinstance(module, BranchMixer)}

    def derive(self, directions: Sequence[Sequence[str]]) -> nn.Module:
        """The network that keeps only ``directions``, with a copy of this supernet's weights."""
        rows = {
            f"{name}.{kind}": places
            for (name, mixer), places in zip(self._mixers.items(), self._places(directions), strict=True)
            for kind in mixer.stacked
        }
        network, weights = self.plain(directions), self.state_dict()
        for name, value in network.state_dict().items():
            value.copy_(weights[name][rows[name]] if name in rows else weights[name])
        return network

    def _places(self, directions: Sequence[Sequence[str]]) -> list[list[int]]:
        if len(directions) != len(self.candidates):
            raise ScansearchError(
                f"this supernet has {len(self.candidates)} layers, but directions for {len(directions)} were given"
            )
        for number, (names, candidates) in enumerate(zip(directions, self.candidates, strict=True)):
            if foreign := [name for name in names if name not in candidates]:
                raise ScansearchError(
                    f"layer {number + 1} has no candidate {foreign[0]!r}; its candidates are {', '.join(candidates)}"
                )
        return [[c.index(name) for name in names] for names, c in zip(directions, self.candidates, strict=True)]
