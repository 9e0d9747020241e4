"""What the gradient strategies share."""

from scansearch.engine.gradient.settings import BILEVEL, JOINT, GradientSettings, Recipe
from scansearch.engine.gradient.strategy import GradientStrategy

__all__ = ["BILEVEL", "JOINT", "GradientSettings", "GradientStrategy", "Recipe"]
