"""Which measurements stand for formats that were measured wrongly, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slaibench.operators.deployment import Deployment, OperatorSource, Precision
from slaibench.operators.formats import measured_products, options_of

BLOCKS = {"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}


@pytest.fixture
def config(tmp_path: Path):
    def write(values: dict[str, object]) -> Path:
        (tmp_path / "config.json").write_text(json.dumps(values))
        return tmp_path

    return write


@pytest.mark.parametrize("values", [BLOCKS, {"text_config": BLOCKS}])
@pytest.mark.parametrize("engine", [None, OperatorSource.VLLM])
def test_products_scaled_by_blocks_are_taken_as_scaled_by_tensor_under_vllm(config, values, engine):
    deployment = Deployment("a-model", "h200", engine=engine)
    assert measured_products(deployment, config(values)) == {"gemm_quant_mode": "fp8"}


def test_everything_else_is_as_it_was_measured(config):
    folder = config(BLOCKS)
    asked = Deployment("a-model", "h200", precision=Precision.BF16)
    assert measured_products(asked, folder) == {}
    sglang = Deployment("a-model", "h200", engine=OperatorSource.SGLANG)
    assert measured_products(sglang, folder) == {}
    assert measured_products(Deployment("a-model", "h200"), config({})) == {}


def test_experts_that_are_split_in_groups_are_shared_within_them():
    options = options_of(Deployment("a-model", "h200", tp=8, ep=2))
    assert (options["tp_size"], options["moe_tp_size"], options["moe_ep_size"]) == (8, 4, 2)
