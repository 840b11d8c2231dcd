"""Rules of public proposals, run in vLLM: who goes first is who the description says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from slaibench.backends.base import RunSettings
from slaibench.backends.vllm.core import EmulatedVllm
from slaibench.schedulers import registry
from slaibench.spec import Device
from slaibench.studies.systems.engines import VllmSystem
from tests.backends.agreement import requests
from tests.backends.needed import needed
from tests.backends.vllm.test_as_shipped import opened

FOLDER = Path(__file__).parents[2] / "benchmarks" / "proposals"
BLOCK_TOKENS = 16

pytestmark = pytest.mark.filterwarnings("ignore")  # vLLM's own


@pytest.fixture(scope="module")
def backend() -> Iterator[EmulatedVllm]:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    opened_one = opened(asynchronous=True)
    yield opened_one
    opened_one.close()


@pytest.mark.parametrize("name", ["residual_sjf.py:ResidualSjf", "aging_sjf.py:AgingSjfOfChats"])
def test_of_those_who_came_together_shorter_prompts_go_first(
    backend: EmulatedVllm, name: str
) -> None:
    text = f"{FOLDER / name}:token_budget=256,max_active=64"
    # All at once, a prompt of some hundred tokens a batch.
    wanted = requests(40, arrivals="burst")
    table = backend.run(wanted, registry.build(text), RunSettings(scheduler=text)).requests
    assert table.finished.all()
    order = np.argsort(table.first_scheduled_s, kind="stable")
    blocks = table.prompt_tokens[order] // BLOCK_TOKENS
    # The first batches were decided before all of them had arrived.
    assert np.mean(np.diff(blocks[4:]) >= 0) > 0.9
