"""The groups of parameters of an optimiser: which weights decay, and how fast each layer learns."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.models import Supernet
from scansearch.runs.settings import TrainSettings

SHOWN = 3


def trained_parameters(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The weights of a network by name; of a supernet, alpha is none of them."""
    if isinstance(network, Supernet):
        return network.weight_parameters()
    return [(name, p) for name, p in network.named_parameters() if p.requires_grad]


def spared_weights(network: nn.Module, settings: TrainSettings) -> set[str]:
    """Names of the weights that weight decay spares.

    They are those that the network names in ``no_weight_decay``, by default 1-D ones, and those that match ``settings.without_decay``;
    but none that matches ``settings.with_decay``.

    Raises:
        ScansearchError: If nothing matches one of these patterns.
    """
    weights = trained_parameters(network)
    named = getattr(network, "no_weight_decay", None)
    own = {name for name, p in weights if p.ndim <= 1} if named is None else named()
    names = [name for name, _ in weights]
    more, fewer = (_matching(names, getattr(settings, key), key) for key in ("without_decay", "with_decay"))
    return {name for name in names if name in own | more and name not in fewer}


def parameter_groups(network: nn.Module, settings: TrainSettings) -> list[dict[str, Any]]:
    """Weights with decay and weights without; with ``layer_decay``, both for each layer, first layer first.

    A group's ``lr_scale`` is its share of the learning rate: ``layer_decay`` to the power of how many layers come after it (BEiT, arXiv
    2106.08254, appendix).

    Raises:
        ScansearchError: If nothing matches a pattern, or it is not known in which layers the weights stand.
    """
    spared, weights = spared_weights(network, settings), trained_parameters(network)
    if settings.layer_decay == 1:
        return [
            _group([p for name, p in weights if (name in spared) == free], settings, free, 1.0)
            for free in (False, True)
        ]
    layers = _layers_of(network)
    last = max(layers.values())
    groups = []
    for layer in range(last + 1):
        for free in (False, True):
            found = [p for name, p in weights if layers[name] == layer and (name in spared) == free]
            if found:
                groups.append(_group(found, settings, free, settings.layer_decay ** (last - layer)))
    return groups


def _group(parameters: list[nn.Parameter], settings: TrainSettings, spared: bool, scale: float) -> dict[str, Any]:
    decay = 0.0 if spared else settings.weight_decay
    return {"params": parameters, "weight_decay": decay, "lr": settings.lr * scale, "lr_scale": scale}


def _layers_of(network: nn.Module) -> dict[str, int]:
    numbers = getattr(network, "layer_numbers", None)
    if numbers is None:
        raise UnsupportedError(
            f"layer_decay needs to know in which layers the weights stand, but a {type(network).__name__} does not say it by "
            "layer_numbers(); set it to 1"
        )
    found: dict[str, int] = numbers()
    return found


def _matching(names: Iterable[str], patterns: Iterable[str], setting: str) -> set[str]:
    found: set[str] = set()
    for pattern in patterns:
        matches = {name for name in names if fnmatchcase(name, pattern)}
        if not matches:
            raise ScansearchError(
                f"{setting} has the pattern {pattern!r}, but no weight of this network is called so; there is "
                f"{', '.join(list(names)[:SHOWN])} and so on (network.named_parameters())"
            )
        found |= matches
    return found
