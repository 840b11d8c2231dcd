"""The capacity bound: the papers' where they have one, by hand where that can be done, and never
exceeded by any scheduler."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from slaibench.backends.base import RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.catalog import get_profile
from slaibench.costmodel import CostModel, StaircaseCostModel, spread_of
from slaibench.costmodel.floor import BatchFloor, Room, batch_floor
from slaibench.measure.bound import Bound, capacity_bound
from slaibench.measure.saturated import worth_between
from slaibench.measure.theory import theorem_1_rps
from slaibench.measure.work import Work, work_of
from slaibench.schedulers.registry import build
from slaibench.studies.bound.paper_model import paper_lengths, paper_model
from slaibench.workloads.request import Request
from tests.costmodel.test_floor import STAIRCASE

Model = CostModel | StaircaseCostModel
BLOCK = 16


def bound_of(
    model: Model, work: Work, total_blocks: int, tokens: int = 4096, decodes: int | None = None
) -> Bound:
    return capacity_bound(floor_of(model, work, total_blocks, tokens, decodes), work, total_blocks)


def floor_of(
    model: Model, work: Work, total_blocks: int, tokens: int, decodes: int | None = None
) -> BatchFloor:
    cache = total_blocks * work.block_size
    tokens = min(tokens, cache)
    room = Room(tokens, min(decodes or tokens, total_blocks), cache, work.longest)
    return batch_floor(model, room, work.prefill_pairs / work.prefill_tokens)


def same(prompt: int, output: int, block_size: int = BLOCK) -> Work:
    return work_of(np.array([prompt]), np.array([output]), block_size)


# --- what is known otherwise ----------------------------------------------------------------------


def test_under_the_papers_model_it_is_theorem_1() -> None:
    prompts, decodes = paper_lengths()
    work = work_of(prompts, decodes + 1, BLOCK)
    assert bound_of(paper_model(0.0), work, 10_000_000).rate_rps == pytest.approx(36.25, abs=0.01)


def test_with_attention_in_tiles_it_is_theorem_1_too() -> None:
    """Prompts of whole tiles, in chunks of whole tiles: nothing is padded that need not be."""
    model = StaircaseCostModel(
        t_lin_s=0.004,
        t_col_tokens=128,
        per_token_s=5e-6,
        decode_attention_s=3e-8,
        prefill_attention_s=2e-8,
    )
    bound_rps = bound_of(model, same(768, 201), 10_000_000).rate_rps
    theorem_rps = theorem_1_rps(model, np.array([768]), np.array([200]), 128)
    assert bound_rps == pytest.approx(theorem_rps, rel=1e-6)
    assert theorem_rps > 1.01 * theorem_1_rps(model, np.array([768]), np.array([200]), 100)


def test_within_a_token_budget_it_is_ldps_boundary() -> None:
    model = StaircaseCostModel(constant_s=0.01128, t_lin_s=0.03547, t_col_tokens=128)
    bound = bound_of(model, same(129, 113), 1_000_000, tokens=512)
    assert bound.rate_rps == pytest.approx(512 / (0.01128 + 4 * 0.03547) / (129 + 112))
    assert bound.parts.binding == "compute"


def test_a_cache_of_few_requests_binds_by_the_batches_it_takes() -> None:
    """Ten requests of 18 tokens fit, or 320 tokens of prompts. A batch costs 10 s and 1 s a token:
    18 tokens, a fifth of a batch for two decodes and 16 / 320 of one for the prompt."""
    model = StaircaseCostModel(t_lin_s=1.0, t_col_tokens=1, constant_s=10.0)
    bound = bound_of(model, same(16, 3, block_size=32), total_blocks=10)
    assert 1 / bound.rate_rps == pytest.approx(18 + 2 + 0.5, rel=1e-5)
    assert bound.parts.decode_s == pytest.approx(2.0, rel=1e-4)
    assert bound.parts.bandwidth_s == pytest.approx(0.0, abs=1e-4)


def test_a_cache_that_prompts_need_not_share_binds_by_capacity() -> None:
    model = StaircaseCostModel(t_lin_s=0.01, t_col_tokens=1, constant_s=1.0)
    bound = bound_of(model, same(1, 16), total_blocks=10)
    assert bound.parts.binding == "KV capacity"


def test_reading_the_cache_binds_by_what_each_decode_reads() -> None:
    """10 prompt tokens of 55 pairs, 12 decodes that read 11 .. 22 tokens; a pair takes a second, as
    does a token that is read."""
    model = StaircaseCostModel(
        t_lin_s=1e-6,
        t_col_tokens=4096,
        decode_attention_s=1.0,
        prefill_attention_s=1.0,
        attention_tile_tokens=1,
    )
    bound = bound_of(model, same(10, 13), total_blocks=1000)
    assert 1 / bound.rate_rps == pytest.approx(55 + 198, rel=1e-5)
    assert bound.parts.binding == "KV bandwidth"
    assert bound.parts.bandwidth_s == pytest.approx(198, rel=1e-5)


def test_where_a_prompt_token_costs_nothing_preempting_everybody_is_counted() -> None:
    """A decode reads 11 tokens or more, a second each; to prefill them again is for nothing."""
    model = StaircaseCostModel(t_lin_s=1e-6, t_col_tokens=4096, decode_attention_s=1.0)
    assert 1 / bound_of(model, same(10, 13), total_blocks=1000).rate_rps < 1e-6


def test_requests_of_one_token_are_their_prompts() -> None:
    bound = bound_of(paper_model(0.0), same(256, 1), 1000)
    assert 1 / bound.rate_rps == pytest.approx(2 * (0.004 + 128 * 5e-6))
    assert bound.decodes_per_batch is None


def test_a_batch_whose_time_is_all_its_sequences_has_a_bound() -> None:
    """A calibration of small batches may give the tokens nothing: what the solver takes for 1 must
    not be that."""
    profile = get_profile("h100", "mistral-7b").with_step_overhead(0.0)
    linear = replace(profile.linear, ms=tuple(1e-6 for _ in profile.linear.ms))
    heads = replace(profile.per_sequence, ms=tuple(7.5 for _ in profile.per_sequence.ms))
    model = CostModel(replace(profile, linear=linear, per_sequence=heads))
    bound = bound_of(model, same(100, 22), 27_814, 64)
    # 21 decodes, 64 a batch of 7.5 ms; a chunk may come beside them.
    assert 0 < bound.rate_rps < 64 / (21 * 7.5e-3)


@pytest.mark.parametrize("gpu", ["h100", "rtx4090"])
def test_more_memory_or_larger_batches_never_lower_it(gpu: str) -> None:
    model = CostModel(get_profile(gpu, "mistral-7b"))
    work = same(1500, 400)
    by_memory = [bound_of(model, work, blocks).rate_rps for blocks in (500, 2000, 8000)]
    by_tokens = [bound_of(model, work, 3000, tokens).rate_rps for tokens in (128, 512, 2048)]
    for rates in (by_memory, by_tokens):
        assert all(more >= less * (1 - 1e-6) for less, more in pairwise(rates))


@pytest.mark.parametrize(
    ("gpu", "blocks"),
    [("rtx6000-ada", 10_000), ("a100", 8_000), ("h100", 9_000), ("rtx4090", 3_340)],
)
def test_shares_are_what_more_memory_brings(gpu: str, blocks: int) -> None:
    """A per cent more blocks: as many hundredths of a per cent as the share of KV capacity."""
    model, work = CostModel(get_profile(gpu, "mistral-7b")), same(2000, 400)
    before, after = (bound_of(model, work, size) for size in (blocks, blocks * 101 // 100))
    share = before.parts.capacity_s / before.parts.total_s
    assert share > 0.02
    assert after.rate_rps / before.rate_rps - 1 == pytest.approx(0.01 * share, rel=0.1)


def test_batches_for_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="a batch that takes no time has no bound"):
        bound_of(StaircaseCostModel(t_lin_s=0.0, t_col_tokens=1), same(10, 3), 100)


def test_a_request_beyond_the_cache_is_refused() -> None:
    with pytest.raises(ValueError, match="400 KV tokens does not fit 3 blocks of 16"):
        bound_of(paper_model(0.0), same(399, 2), 3)


# --- nobody exceeds it ----------------------------------------------------------------------------

SCHEDULERS = (
    *("sarathi", "sarathi:order=spf,token_budget=64", "sarathi:token_budget=2048,max_active=400"),
    *("slai", "slai:order=fcfs,offset=fixed:10", "rad", "rad:tile=32,chunk=64,cycle=20"),
    *("hrrn", "hrrn:size=budget,scarce=1,token_budget=300", "rad-batch-prefill:cycle=30"),
    *("orca", "prefill-first", "decode-first"),
)
BLOCKS = {"staircase": 300, "h100": 2500, "rtx6000-ada": 900, "rtx4090": 700, "rtx-pro-6000": 3000}


@cache
def model_of(name: str) -> Model:
    return STAIRCASE if name == "staircase" else CostModel(get_profile(name, "mistral-7b"))


@st.composite
def backlogs(draw: st.DrawFn) -> list[Request]:
    """Requests that are all due at once, of lengths that differ from run to run."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    most_prompt, most_output = draw(st.sampled_from([(30, 200), (400, 20), (2000, 300), (60, 2)]))
    count = draw(st.sampled_from([5, 40, 120]))
    prompts = rng.integers(1, most_prompt + 1, count)
    outputs = rng.integers(1, most_output + 1, count)
    return [
        Request(i, 0.0, int(p), int(o), tbt_slo_s=draw(st.sampled_from([0.1, 0.5])))
        for i, (p, o) in enumerate(zip(prompts, outputs, strict=True))
    ]


@pytest.mark.parametrize("name", BLOCKS)
@settings(max_examples=25, deadline=None)
@given(requests=backlogs(), scheduler=st.sampled_from(SCHEDULERS))
def test_no_scheduler_exceeds_it(name: str, requests: list[Request], scheduler: str) -> None:
    """Neither over a whole run nor between any two ends of batches, preemptions included."""
    blocks, model = BLOCKS[name], model_of(name)
    lengths = [
        np.array([getattr(request, column) for request in requests])
        for column in ("prompt_tokens", "output_tokens")
    ]
    work = work_of(lengths[0], lengths[1], BLOCK)
    bound = bound_of(model, work, blocks)
    output = Simulator(model, total_blocks=blocks).run(requests, build(scheduler), RunSettings())
    event(f"preempted: {bool(output.requests.num_preemptions.any())}")
    rounding_s = 0.5e-6 * len(output.steps)  # the clock holds whole microseconds
    assert len(requests) / bound.rate_rps <= output.end_s + rounding_s
    places = np.linspace(0, len(output.steps) - 1, 4).astype(int)
    for first, last in pairwise(places):
        start, end = float(output.steps.start_s[first]), float(output.steps.end_s[last])
        worth_s = worth_between(output.requests, BLOCK, bound.prices, start, end)
        assert worth_s <= end - start + rounding_s


def test_preemptions_are_among_those_runs() -> None:
    """Else the property above would say nothing of them."""
    requests = [Request(i, 0.0, 30, 200, tbt_slo_s=0.5) for i in range(120)]
    simulator = Simulator(STAIRCASE, total_blocks=BLOCKS["staircase"])
    output = simulator.run(requests, build("sarathi"), RunSettings())
    assert output.requests.num_preemptions.any()


def test_whoever_has_more_room_exceeds_a_bound_within_limits() -> None:
    """A bound that nobody could exceed would prove nothing: this one leaves out larger batches."""
    requests = [Request(i, 0.0, 200, 60, tbt_slo_s=0.5) for i in range(300)]
    model, work = model_of("h100"), same(200, 60)
    narrow = bound_of(model, work, 28_994, tokens=64, decodes=16)
    output = Simulator(model, total_blocks=28_994).run(requests, build("sarathi"), RunSettings())
    assert len(requests) / output.end_s > 1.5 * narrow.rate_rps


@pytest.mark.parametrize("name", BLOCKS)
def test_no_batch_is_worth_more_than_its_time(name: str) -> None:
    """The certificate itself, on random batches that fit the cache."""
    blocks, model = BLOCKS[name], model_of(name)
    work = work_of(np.array([30, 900, 1500]), np.array([100, 200, 30]), BLOCK)
    prices = bound_of(model, work, blocks).prices
    rng = np.random.default_rng(4)
    for _ in range(300):
        contexts = rng.integers(2, work.longest, rng.integers(1, 100))
        held = np.cumsum(-(-contexts // BLOCK))
        contexts = contexts[held <= blocks]
        room = blocks - int((-(-contexts // BLOCK)).sum())
        with_chunk = (rng.random() < 0.5 or not len(contexts)) and room > 0
        chunks = [(int(rng.integers(1, min(1500, room * BLOCK) + 1)), 0)] if with_chunk else []
        spread = spread_of(contexts.tolist())
        time_s = model.batch_time_s(len(contexts), int(contexts.sum()), chunks, spread)
        worth = sum(
            prices.decode_s + x * prices.context_s + -(-x // BLOCK) * prices.block_s
            for x in contexts.tolist()
        )
        worth += sum(prices.prefill_token_s * c + prices.pair_s * c * c / 2 for c, _ in chunks)
        assert worth <= (time_s + model.between_s(1)) * (1 + 1e-9)
