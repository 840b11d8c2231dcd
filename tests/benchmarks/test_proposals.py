"""Rules of public proposals, run in vLLM: who goes first is who the description says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.schedulers import registry
from slaibench.spec import Device
from slaibench.studies.systems.engines import VllmSystem
from tests.backends.agreement import requests
from tests.backends.needed import needed
from tests.backends.vllm.test_as_shipped import opened

FOLDER = Path(__file__).parents[2] / "benchmarks" / "proposals"
BLOCK_TOKENS = 16

pytestmark = pytest.mark.filterwarnings("ignore")  # vLLM's own


def burst(name: str) -> RunOutput:
    """Forty requests that all arrive at once, a prompt of some hundred tokens a batch."""
    needed(VllmSystem.ENGINE, Device.EMULATED)
    text = f"{FOLDER / name}:token_budget=256,max_active=64"
    backend = opened(asynchronous=True)
    try:
        return backend.run(
            requests(40, arrivals="burst"), registry.build(text), RunSettings(scheduler=text)
        )
    finally:
        backend.close()


@pytest.mark.parametrize("name", ["residual_sjf.py:ResidualSjf", "aging_sjf.py:AgingSjfOfChats"])
def test_of_those_who_came_together_shorter_prompts_go_first(name: str) -> None:
    output = burst(name)
    table = output.requests
    assert table.finished.all()
    order = np.argsort(table.first_scheduled_s, kind="stable")
    blocks = table.prompt_tokens[order] // BLOCK_TOKENS
    # The first batch was decided before all of them had arrived.
    later = blocks[4:]
    assert np.mean(np.diff(later) >= 0) > 0.9
