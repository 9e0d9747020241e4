"""What directions cost: FLOPs by formula, or milliseconds as measured; both give a ``CostTable``."""

from scansearch.cost.cost_table import CostTable, LayerCost
from scansearch.cost.flop_costs import flops_table
from scansearch.cost.latency import latency_table
from scansearch.cost.space_costs import costs_of
from scansearch.models.flop_formulas import FORMULAS

__all__ = ["FORMULAS", "CostTable", "LayerCost", "costs_of", "flops_table", "latency_table"]
