"""Facts as data: models, GPUs and profiles, each with its source."""

from slaibench.catalog.fields import CatalogError
from slaibench.catalog.gpu import Gpu, get_gpu, kv_blocks, list_gpus
from slaibench.catalog.model import Model, get_model, list_models, model_from_config
from slaibench.catalog.profile import Profile, Regime, Status, parse_profile
from slaibench.catalog.profiles import get_profile, list_profiles, load_profile
from slaibench.catalog.tables import (
    Attention,
    FormulaAttention,
    SequenceTable,
    TableAttention,
    TokenTable,
    UnequalContexts,
)
from slaibench.catalog.validations import Validation, validations_of

__all__ = [
    "Attention",
    "CatalogError",
    "FormulaAttention",
    "Gpu",
    "Model",
    "Profile",
    "Regime",
    "SequenceTable",
    "Status",
    "TableAttention",
    "TokenTable",
    "UnequalContexts",
    "Validation",
    "get_gpu",
    "get_model",
    "get_profile",
    "kv_blocks",
    "list_gpus",
    "list_models",
    "list_profiles",
    "load_profile",
    "model_from_config",
    "parse_profile",
    "validations_of",
]
