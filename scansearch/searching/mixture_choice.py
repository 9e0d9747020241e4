"""How a search runs the directions of a layer where its settings leave that open: the fastest way that its machine has memory for.

What decides is counted (``footprint.py``) and held against all the memory that the device has, never against what is free: the
same search on a machine of the same description is computed in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from scansearch.errors import ScansearchError
from scansearch.models import ModelSpec
from scansearch.runs.config import RunConfig
from scansearch.searching.footprint import SMALL, Footprint, footprint, whole_mixture
from scansearch.searching.memory_bound import at_most
from scansearch.searching.memory_fit import Device, batch_of, device_of, gigabytes, too_much
from scansearch.searching.search_parts import Parts

BEYOND = 1.5
"""How many times what one pass through the mixture holds a strategy may need: copies of weights and gradients, a second batch."""
MODES = ("keep", "recompute", "streamed")
"""From the fastest, which needs the most memory, to the slowest: `python -m benchmarks many memory` measures them."""


class Choice(NamedTuple):
    """How the directions of a layer are run.

    Args:
        mixture: ``keep``, ``recompute`` or ``streamed``.
        reason: Why, one line.
        live: Bytes of the tensors of a process at the peak of a step, at most.
        found: What was counted for it on steps of the search; ``None`` where these were not needed.
    """

    mixture: str
    reason: str
    live: int = 0
    found: Footprint | None = None


def has_mixture(spec: ModelSpec) -> bool:
    """Whether a model can be told how to run the directions of a layer."""
    return "mixture" in spec.Options.model_fields


def running(spec: ModelSpec, mixture: str) -> ModelSpec:
    """The same model, running its directions in this way."""
    return spec.configure(mixture=mixture) if has_mixture(spec) else spec


def as_before(parts: Parts, config: RunConfig, before: Mapping[str, Any]) -> Parts:
    """The parts of a search that goes on, running its directions as it began, whatever would be chosen now."""
    if not is_open(parts, config):
        return parts
    return chosen(parts, Choice(before["mixture"], before.get("mixture_reason", "")))


def is_open(parts: Parts, config: RunConfig) -> bool:
    """Whether there is something to choose: a supernet is trained, and its settings leave it open how."""
    return config.machine.mixture == "auto" and has_mixture(parts.spec) and parts.strategy.traits.trains_supernet


def choose(parts: Parts, config: RunConfig, device: Device, processes: int) -> Choice:
    """Chooses for a search of so many processes on a device; all of them must call it."""
    images = batch_of(parts, config) // processes
    # Of fewer images the optimiser's moments may be more than that share of all, and one pass has none.
    at_least = max(images, 2 * SMALL[0])
    live = round(BEYOND * whole_mixture(parts, running(parts.spec, MODES[0]), device.room).at_most(at_least))
    if device.fits(live):  # mostly there is much room, and no step of the search is needed to know
        return Choice(MODES[0], _reason(MODES[0], device, live), live)
    for mixture in MODES:
        found = footprint(parts, config, running(parts.spec, mixture), device.room)
        live = found.bytes_at(images)
        if device.fits(live):
            break
    return Choice(mixture, _reason(mixture, device, live), live, found)


def chosen(parts: Parts, choice: Choice) -> Parts:
    """The parts of a search that is run in this way, and says so."""
    environment = {**parts.environment, "mixture": choice.mixture, "mixture_reason": choice.reason}
    return replace(parts, spec=running(parts.spec, choice.mixture), environment=environment)


def settled(parts: Parts, config: RunConfig, processes: int) -> Parts:
    """The parts of a new search, which says how it runs the directions of a layer. All of its processes must call it.

    Where the settings say how, it is counted only if it could be too much.

    Raises:
        ScansearchError: If that, or of what could be chosen each way, does not fit into the memory of its device.
    """
    if not (has_mixture(parts.spec) and parts.strategy.traits.trains_supernet):
        return parts
    device, images = device_of(parts, config), batch_of(parts, config) // processes
    found = None
    if is_open(parts, config):
        choice = choose(parts, config, device, processes)
        parts, found = chosen(parts, choice), choice.found
    elif (bound := at_most(parts, images)) is None or not device.fits(bound):
        found = footprint(parts, config, parts.spec, device.room)
    if found is not None and device.fails(found.bytes_at(images)):
        raise ScansearchError(way_out(parts, config, found, device, processes))
    return parts


def way_out(parts: Parts, config: RunConfig, found: Footprint, device: Device, processes: int) -> str:
    """Which setting would fit where a search does not, one line. All of its processes must call it.

    Args:
        parts: What it is made of.
        config: Its settings.
        found: What it holds as it is.
        device: Where it runs.
        processes: How many share a batch.
    """
    batch = batch_of(parts, config)
    now = dict(parts.spec.options)["mixture"] if has_mixture(parts.spec) else ""
    ways = {now: found}
    for name in MODES[MODES.index(now) + 1 :] if now else ():
        if not device.fits(ways[now].bytes_at(batch // processes)):
            now = name
            ways[now] = footprint(parts, config, running(parts.spec, now), device.room)
    return too_much(device, ways, batch, processes)


def _reason(mixture: str, device: Device, live: int) -> str:
    if not device.total:
        return f"{mixture}, as the system does not say how much memory it has"
    why = "is the fastest way that fits" if device.fits(live) else "needs the least memory"
    return (
        f"{mixture} {why}: at most about {gigabytes(device.needs(live))} of the {gigabytes(device.total)} of the "
        f"{device.kind}"
    )
