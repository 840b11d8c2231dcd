"""Half-open sessions in vLLM on an emulated device: the simulator's batches, turn for turn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from slaibench.backends.base import RunSettings
from slaibench.schedulers import registry
from slaibench.spec import Device
from slaibench.studies.systems.engines import VllmSystem
from tests.backends.agreement import assert_same
from tests.backends.needed import needed
from tests.backends.sessions import conversations, expected_due_s
from tests.backends.vllm.test_ahead import Both


@pytest.fixture(scope="module", params=[False, True], ids=["synchronous", "asynchronous"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    both = Both("h100", prefix_caching=True, asynchronous=request.param)
    yield both
    both.vllm.close()


@pytest.mark.parametrize("text", ["sarathi", "slai", "hrrn"])
@pytest.mark.parametrize("crowded", [False, True])
def test_vllm_is_sent_turns_when_the_simulator_is(both: Both, text: str, crowded: bool) -> None:
    few, many = conversations(30), conversations(60, rate_rps=20.0, longest=2000)
    wanted = many if crowded else few
    ours = both.simulator.run(wanted, registry.build(text), RunSettings())
    theirs = both.vllm.run(wanted, registry.build(text), RunSettings())
    assert_same(ours, theirs)
    table = theirs.requests
    assert table.finished.all()
    np.testing.assert_array_equal(table.due_s, expected_due_s(wanted, table))
    if crowded:  # what was said is pushed out of the cache before the next turn comes
        assert table.num_preemptions.sum() > 0
    else:
        assert theirs.steps.prefill_tokens.sum() < table.prompt_tokens.sum()


def test_a_horizon_cuts_sessions_alike(both: Both) -> None:
    wanted, settings = conversations(40, rate_rps=8.0), RunSettings(horizon_s=6.0)
    ours = both.simulator.run(wanted, registry.build("slai"), settings)
    theirs = both.vllm.run(wanted, registry.build("slai"), settings)
    assert_same(ours, theirs)
    assert (ours.notes, ours.facts["turns"]) == (theirs.notes, theirs.facts["turns"])
    assert "turns of" in ours.notes[0]
    assert len(ours.requests) < len(wanted)
