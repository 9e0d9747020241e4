"""What the gradient strategies share."""

from scansearch.strategy.gradient.gradient_settings import BILEVEL, JOINT, GradientSettings, Level, Recipe
from scansearch.strategy.gradient.gradient_strategy import GradientStrategy

__all__ = ["BILEVEL", "JOINT", "GradientSettings", "GradientStrategy", "Level", "Recipe"]
