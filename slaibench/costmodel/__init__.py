"""How long a batch takes."""

from slaibench.costmodel.cost_model import CostModel, Excess
from slaibench.costmodel.staircase import StaircaseCostModel
from slaibench.costmodel.unequal_contexts import Spread, spread_of

__all__ = ["CostModel", "Excess", "Spread", "StaircaseCostModel", "spread_of"]
