"""What a strategy is: its face, its hooks, what it is told; the families that strategies are made of are in sub-packages."""

from scansearch.strategy.hooks import Judge
from scansearch.strategy.step import Batch, Distillation, Plan, Step
from scansearch.strategy.strategy import Strategy, StrategySettings
from scansearch.strategy.traits import Traits

__all__ = ["Batch", "Distillation", "Judge", "Plan", "Step", "Strategy", "StrategySettings", "Traits"]
