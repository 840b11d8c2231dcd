"""Number formats to ask the library of operators for: a deployment's, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slaibench.catalog.fields import read_object
from slaibench.operators.deployment import Deployment, OperatorSource, Precision

_MODES: Mapping[Precision, Mapping[str, str]] = {
    Precision.BF16: {"gemm_quant_mode": "bfloat16", "moe_quant_mode": "bfloat16"},
    Precision.FP8: {"gemm_quant_mode": "fp8", "moe_quant_mode": "fp8"},
    Precision.FP4: {"gemm_quant_mode": "nvfp4", "moe_quant_mode": "nvfp4"},
}
MEASURED_INSTEAD: Sequence[Mapping[str, str]] = ({"fmha_quant_mode": "bfloat16"},)
"""Formats to take where the one that the library chooses was not measured: it sets FP8 for the
attention of DeepSeek's prompts under SGLang, and has only 16-bit times of it."""


def options_of(deployment: Deployment) -> dict[str, Any]:
    """How the library is asked for a deployment: its split, and formats not the model's own."""
    options: dict[str, Any] = {
        "tp_size": deployment.tp,
        "moe_tp_size": deployment.tp // deployment.ep,
        "moe_ep_size": deployment.ep,
    }
    if deployment.precision is not None:
        options |= _MODES[deployment.precision]
    return options


def measured_products(deployment: Deployment, config: Path) -> dict[str, str]:
    """Which measurements stand for products of FP8 weights that are scaled by blocks.

    Those of vLLM (0.24) hold a launch each: 0.18 ms flat from 1 to 8,192 tokens on B200, 6 to 24
    times the same products scaled by tensor at 16 tokens, and above those of 16 bits. SGLang's of
    the same kernels do not. Products scaled by tensor stand for them.
    """
    if deployment.engine is OperatorSource.SGLANG or deployment.precision is not None:
        return {}
    values = read_object(config / "config.json")
    inner = values.get("text_config") or {}
    weights = values.get("quantization_config") or inner.get("quantization_config") or {}
    return {"gemm_quant_mode": "fp8"} if weights.get("weight_block_size") else {}
