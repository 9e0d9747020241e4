"""What the strategies share that judge whole genotypes."""

from scansearch.strategy.black_box.ask import Ask
from scansearch.strategy.black_box.black_box_strategy import PICK, BlackBox, BlackBoxSettings, Pick, one_of
from scansearch.strategy.black_box.genetic import GeneticSearch, GeneticSettings

__all__ = [
    "PICK",
    "Ask",
    "BlackBox",
    "BlackBoxSettings",
    "GeneticSearch",
    "GeneticSettings",
    "Pick",
    "one_of",
]
