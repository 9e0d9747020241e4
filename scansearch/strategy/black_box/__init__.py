"""What the strategies share that judge whole genotypes."""

from scansearch.strategy.black_box.black_box_strategy import Ask, BlackBox, BlackBoxSettings, best_of, new_ones, one_of
from scansearch.strategy.black_box.evolve import Evolved, EvolvedSettings

__all__ = ["Ask", "BlackBox", "BlackBoxSettings", "Evolved", "EvolvedSettings", "best_of", "new_ones", "one_of"]
