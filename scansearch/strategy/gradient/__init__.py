"""What the gradient strategies share."""

from scansearch.strategy.gradient.gradient_settings import (
    BILEVEL,
    JOINT,
    BilevelSettings,
    GradientSettings,
    Recipe,
)
from scansearch.strategy.gradient.gradient_strategy import GradientStrategy

__all__ = ["BILEVEL", "JOINT", "BilevelSettings", "GradientSettings", "GradientStrategy", "Recipe"]
