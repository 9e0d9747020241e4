"""What the gradient strategies share."""

from scansearch.strategy.gradient.gradient_settings import (
    ALPHA_WARMUP,
    BILEVEL,
    JOINT,
    BilevelSettings,
    GradientSettings,
    Recipe,
)
from scansearch.strategy.gradient.gradient_strategy import GradientStrategy

__all__ = ["ALPHA_WARMUP", "BILEVEL", "JOINT", "BilevelSettings", "GradientSettings", "GradientStrategy", "Recipe"]
