"""What the strategies share that judge whole genotypes."""

from scansearch.strategy.black_box.black_box_strategy import Ask, BlackBox, BlackBoxSettings, best_of, new_ones, one_of
from scansearch.strategy.black_box.genetic import GeneticSearch, GeneticSettings

__all__ = [
    "Ask",
    "BlackBox",
    "BlackBoxSettings",
    "GeneticSearch",
    "GeneticSettings",
    "best_of",
    "new_ones",
    "one_of",
]
