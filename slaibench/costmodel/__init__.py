"""How long a batch takes."""

from slaibench.costmodel.cost_model import CostModel
from slaibench.costmodel.regime import Excess
from slaibench.costmodel.spread import Spread, spread_of
from slaibench.costmodel.staircase import StaircaseCostModel

__all__ = ["CostModel", "Excess", "Spread", "StaircaseCostModel", "spread_of"]
