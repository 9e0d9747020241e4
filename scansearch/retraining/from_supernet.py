"""What a network inherits of a supernet: the branches that it keeps, rescaled from a weighted mixture to a plain sum.

In the search, a layer gives the mixture sum_i w_i LN(branch_i); the derived network adds up the branches as they are, or takes their
mean. So each kept branch is multiplied by the factor with which that comes nearest to the mixture, by least squares over the tokens of
some training images; in a layer that normalises the sum, before it does. No factor is negative: attention over channels does not see the
scale of a branch, but its sign. Where a strategy has trained plain sums, nothing has to be rescaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from scansearch.data import ImageData, normalise
from scansearch.errors import RunFolderError, ScansearchError, UnsupportedError
from scansearch.models import Selection, Supernet, bind_to
from scansearch.registry import STRATEGIES
from scansearch.runs.checkpoint import load_checkpoint
from scansearch.runs.config import validated
from scansearch.runs.restore import check_weights, restoring
from scansearch.runs.run import Run
from scansearch.searching.configure import model_of
from scansearch.searching.run_parts import images_of
from scansearch.space import BoundSpace, SearchSpace
from scansearch.strategy.step import Plan
from scansearch.strategy.strategy import Strategy
from scansearch.training.events import Listener

IMAGES, TOGETHER = 128, 16
"""Training images of the search over whose tokens the factors are fitted, and how many run at a time."""


def kept_of_supernet(
    run: Run, directions: Sequence[Sequence[str]], device: torch.device, listener: Listener
) -> nn.Module:
    """The network of these directions with the weights that the supernet of a finished search has for them.

    Args:
        run: The search.
        directions: One list a layer, all of them candidates of the search.
        device: Where the supernet runs.
        listener: Told which checkpoints are damaged, and how many images were checked.

    Raises:
        ScansearchError: If a direction is none of the search's candidates, its branches cannot be rescaled, or the search is not
            what its folder says.
    """
    config = run.config.alone()
    if run.genotype is None or run.genotype.shape is None:
        raise RunFolderError(f"{run.path} is not searched to its end; go on with `scansearch resume {run.path}`")
    spec, shape = model_of(config), run.genotype.shape
    bound = bind_to(SearchSpace.from_dict({**config.space, "budget": None}), spec, shape)
    choice = bound.choice(directions)
    supernet = spec.supernet([layer.candidates for layer in bound], shape)
    strategy = _restored(run, supernet, bound, listener)
    if not strategy.traits.trains_supernet:
        raise ScansearchError(
            f"{run.path} has trained no supernet (strategy {config.strategy.name}); leave --inherit out"
        )
    selections = strategy.derived(choice)
    # A layer's own order of names is kept; a name that was merged on its grid stands for its equal.
    meant = [[layer.merged.get(name, name) for name in names] for layer, names in zip(bound, directions, strict=True)]
    network = supernet.derive(meant)
    weighted = [number for number, selection in enumerate(selections) if selection.weights is not None]
    if weighted:
        images = _some_images(images_of(config.data, listener)).to(device)
        factors = fitted_factors(supernet.to(device).eval(), selections, images)
        for number in weighted:
            places = [selections[number].indices.index(bound.layers[number].candidates.index(n)) for n in meant[number]]
            _mixers(network, spec.name, len(choice))[number].scale_branches(factors[number][places])
    return network.cpu()


def _restored(run: Run, supernet: Supernet, bound: BoundSpace, listener: Listener) -> Strategy:
    """The strategy as it was when the search was saved for the last time, and the supernet with its weights."""
    config, found = run.config.alone(), load_checkpoint(run.path / "checkpoints", listener.warned)
    if found is None:
        raise RunFolderError(
            f"{run.path} has no checkpoint any more, and so no weights to inherit; leave --inherit out"
        )
    state = found[1]
    kind = STRATEGIES.get(config.strategy.name)
    strategy: Strategy = kind(validated(kind.Settings, config.strategy.settings, "strategy"))
    with restoring(run.path):
        check_weights(state.get("supernet"), supernet)
        steps = max(1, int(state["step"]) // config.train.epochs)
        supernet.load_state_dict(state["supernet"])
        strategy.setup(supernet, bound, Plan(config.train.epochs, steps, config.seed))
        strategy.load_state_dict(state["strategy"])
    return strategy


def _some_images(data: ImageData) -> torch.Tensor:
    count = min(IMAGES, len(data.train))
    images, _ = data.train.batch(torch.arange(count) * len(data.train) // count)
    return normalise(images, data.mean, data.std)


@torch.no_grad()
def fitted_factors(supernet: Supernet, selections: Sequence[Selection], images: torch.Tensor) -> list[torch.Tensor]:
    """The factor of every selected branch with which the derived network's layer comes nearest to the mixture.

    Args:
        supernet: In evaluation mode; its mixers take ``(hidden, selection)`` and have ``summed``, ``scale_branches`` and ``mean``.
        selections: One a layer.
        images: Normalised, (B, C, H, W).

    Returns:
        For each layer float32 of shape (k,), as many as it selects.

    Raises:
        UnsupportedError: If its mixers are others.
    """
    mixers = _mixers(supernet, type(supernet).__name__, len(selections))
    triangles: list[torch.Tensor | None] = [None] * len(mixers)
    for batch in images.split(TOGETHER):
        inputs = _inputs(supernet, selections, mixers, batch)
        for number, (mixer, selection) in enumerate(zip(mixers, selections, strict=True)):
            triangles[number] = _triangle(triangles[number], mixer, inputs[number], selection)
    return [_factors(mixer, triangle) for mixer, triangle in zip(mixers, triangles, strict=True)]


def _inputs(
    supernet: Supernet, selections: Sequence[Selection], mixers: Sequence[Any], images: torch.Tensor
) -> dict[int, torch.Tensor]:
    """What every mixer is given."""
    inputs: dict[int, torch.Tensor] = {}
    hooks = [
        mixer.register_forward_pre_hook(lambda _, given, number=number: inputs.__setitem__(number, given[0]))
        for number, mixer in enumerate(mixers)
    ]
    try:
        supernet(images, selections)
    finally:
        for hook in hooks:
            hook.remove()
    return inputs


def _triangle(before: torch.Tensor | None, mixer: Any, hidden: torch.Tensor, selection: Selection) -> torch.Tensor:
    """The triangle of a QR decomposition, which holds all that least squares need in a few rows: of ``before``, and of these tokens."""
    wanted = mixer.summed(hidden, selection).double().flatten()
    branches = [mixer.summed(hidden, Selection((index,))).double().flatten() for index in selection.indices]
    rows = torch.stack([*branches, wanted], dim=1)
    return torch.linalg.qr(rows if before is None else torch.cat([before, rows]), mode="r").R


def _factors(mixer: Any, triangle: torch.Tensor | None) -> torch.Tensor:
    from scipy.optimize import nnls  # imported here: few trainings inherit

    assert triangle is not None  # there is an image
    found = torch.from_numpy(nnls(triangle[:, :-1].cpu().numpy(), triangle[:, -1].cpu().numpy())[0]).float()
    return found * len(found) if mixer.mean else found  # where a derived network takes the mean, not the sum


def _mixers(network: nn.Module, name: str, layers: int) -> list[Any]:
    found: list[Any] = [module for module in network.modules() if hasattr(module, "scale_branches")]
    if len(found) != layers:
        raise UnsupportedError(
            f"the branches of {name} cannot be multiplied by a factor, as its supernet's weighted mixture needs it; leave --inherit "
            "out, or inherit from a search that adds branches up, as single_path does"
        )
    return found
