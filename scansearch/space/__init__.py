"""Search spaces: what each layer may choose from, and everything that searches do in them."""

from scansearch.space.bound_space import BoundSpace, Choice
from scansearch.space.budget import Budget, Costs
from scansearch.space.constraints import Count, FlipPairs
from scansearch.space.directions import (
    JSON_SCHEMA_DIALECT,
    MOST_CANDIDATES,
    MOST_LAYERS,
    Directions,
    Side,
    at_most,
    check_directions,
)
from scansearch.space.even_draws import EvenDraws, usual_draws
from scansearch.space.find import find_space
from scansearch.space.layer import LayerSpace
from scansearch.space.search_space import Override, SearchSpace

__all__ = [
    "JSON_SCHEMA_DIALECT",
    "MOST_CANDIDATES",
    "MOST_LAYERS",
    "BoundSpace",
    "Budget",
    "Choice",
    "Costs",
    "Count",
    "Directions",
    "EvenDraws",
    "FlipPairs",
    "LayerSpace",
    "Override",
    "SearchSpace",
    "Side",
    "at_most",
    "check_directions",
    "find_space",
    "usual_draws",
]
