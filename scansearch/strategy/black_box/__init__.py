"""What the strategies share that judge whole genotypes."""

from scansearch.strategy.black_box.ask import Ask
from scansearch.strategy.black_box.black_box_strategy import BlackBox, BlackBoxSettings, one_of
from scansearch.strategy.black_box.genetic import GeneticSearch, GeneticSettings

__all__ = [
    "Ask",
    "BlackBox",
    "BlackBoxSettings",
    "GeneticSearch",
    "GeneticSettings",
    "one_of",
]
