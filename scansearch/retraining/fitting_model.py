"""Which models a genotype fits, and what becomes of its scan orders on other grids than those of its search."""

from __future__ import annotations

from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.models import LayerInfo, ModelSpec
from scansearch.models.genotype_fit import fitting_changes, with_options
from scansearch.registry import MODELS
from scansearch.shape import ImageShape


def check_model(genotype: Genotype, spec: ModelSpec, shape: ImageShape) -> None:
    """Checks that a model has the layers of a genotype.

    Raises:
        ScansearchError: If not, naming the models that have; or if the model does not take such images.
    """
    layers = spec.layers(shape)
    if _fits(genotype, layers):
        return
    fitting = [name for name in MODELS.names() if name != spec.name and _model_fits(genotype, name, shape)]
    changes = fitting_changes(genotype, spec, shape, lambda others: _fits(genotype, others))
    ways = [f"set {' or '.join(changes)}"] if changes else []
    ways += [f"choose by --model one that it fits: {', '.join(fitting)}"] if fitting else []
    raise ScansearchError(
        f"the genotype has {_shown(genotype_stages(genotype))}, but {with_options(spec, shape)} has "
        f"{_shown([i.stage for i in layers])}; {', or '.join(ways) or 'it fits no model that is known here'}"
    )


def grid_notes(genotype: Genotype, spec: ModelSpec, shape: ImageShape) -> list[str]:
    """Says if layers stand on other grids than in the search: there, a direction is another order than the one that was found."""
    infos = zip(genotype.layers, spec.layers(shape), strict=True)
    other = [(layer.grid, info.grid) for layer, info in infos if layer.grid not in (None, info.grid)]
    if not other or other[0][0] is None:
        return []
    (then, now) = other[0]
    return [
        f"the genotype was searched on grids of other sizes, as {then[0]} x {then[1]} tokens instead of {now[0]} x {now[1]}; what it "
        "found there need not be best here"
    ]


def genotype_stages(genotype: Genotype) -> list[int]:
    """The stage of each layer."""
    return [layer.stage for layer in genotype.layers]


def _fits(genotype: Genotype, layers: tuple[LayerInfo, ...]) -> bool:
    """Whether the layers are as many, and in the same stages if the genotype tells stages."""
    stages = genotype_stages(genotype)
    return len(layers) == len(stages) and (not any(stages) or stages == [info.stage for info in layers])


def _model_fits(genotype: Genotype, name: str, shape: ImageShape) -> bool:
    try:
        return _fits(genotype, MODELS.get(name).layers(shape))
    except ScansearchError:  # it does not take such images, or cannot be imported here
        return False


def _shown(stages: list[int]) -> str:
    counts = [str(stages.count(stage)) for stage in dict.fromkeys(stages)]
    return f"{len(stages)} layers" + (f" in stages of {', '.join(counts)}" if len(counts) > 1 else "")
