"""What directions cost: FLOPs by formula, or milliseconds as measured; both give a ``CostTable``."""

from scansearch.cost.budget import costs_of
from scansearch.cost.flops import flops_table
from scansearch.cost.latency import latency_table
from scansearch.cost.table import CostTable, LayerCost
from scansearch.models.flops import FORMULAS

__all__ = ["FORMULAS", "CostTable", "LayerCost", "costs_of", "flops_table", "latency_table"]
