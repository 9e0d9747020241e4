"""What the strategies share that judge whole genotypes."""

from scansearch.engine.black_box.evolve import Evolved, EvolvedSettings
from scansearch.engine.black_box.strategy import Ask, BlackBox, BlackBoxSettings, best_of, new_ones, one_of

__all__ = ["Ask", "BlackBox", "BlackBoxSettings", "Evolved", "EvolvedSettings", "best_of", "new_ones", "one_of"]
