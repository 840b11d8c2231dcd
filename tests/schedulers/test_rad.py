from __future__ import annotations

import math

import numpy as np
import pytest

from slaibench.costmodel import StaircaseCostModel
from slaibench.schedulers.rad import Rad, RadBatchPrefill
from tests.schedulers.plain import PlainRequest, PlainView
from tests.schedulers.scenario import Scenario
from tests.schedulers.theory import growth_rps, poisson, requests_at, second_half, serve

# --- the rule -----------------------------------------------------------------------------------


def test_prompts_go_in_chunks_alone_until_a_tile_of_requests_decodes() -> None:
    scenario = Scenario("rad:tile=2,chunk=4")
    scenario.arrive(6, 3)
    scenario.arrive(3, 2)
    scenario.arrive(2, 2)
    # |D| = 2 after B; B ends with its only decode; C fills the tile again.
    assert scenario.run() == ["A+4", "A+2", "B+3", "A B", "C+2", "A C"]


def test_decodes_never_interrupt_a_started_prompt() -> None:
    scenario = Scenario("rad:tile=4,chunk=2")
    scenario.arrive(1, 9)
    assert scenario.step() == "A+1"
    scenario.arrive(7, 9)
    assert scenario.steps(5) == ["B+2", "B+2", "B+2", "B+1", "A B"]


def test_it_never_waits_for_a_tile_to_fill() -> None:
    scenario = Scenario("rad:tile=4,chunk=8")
    scenario.arrive(3, 3)
    assert scenario.run() == ["A+3", "A", "A"]


def test_an_arrival_turns_it_back_to_prefilling() -> None:
    scenario = Scenario("rad:tile=2,chunk=8")
    scenario.arrive(3, 5)
    assert scenario.steps(2) == ["A+3", "A"]
    scenario.arrive(2, 2)
    assert scenario.steps(2) == ["B+2", "A B"]


def test_a_cycle_lets_the_decodes_run_out_before_it_starts_more() -> None:
    scenario = Scenario("rad:tile=9,chunk=8,cycle=2")
    for _ in range(3):
        scenario.arrive(1, 3)
    assert scenario.run() == ["A+1", "B+1", "A B", "A B", "C+1", "C", "C"]


def test_a_cycle_ends_early_when_the_decodes_run_out() -> None:
    scenario = Scenario("rad:tile=9,chunk=8,cycle=2")
    scenario.arrive(1, 2)
    assert scenario.steps(2) == ["A+1", "A"]
    # D is empty: k = 0 again, so two more may start before they decode.
    for _ in range(3):
        scenario.arrive(1, 2)
    assert scenario.run() == ["B+1", "C+1", "B C", "D+1", "D"]


def test_a_cycle_goes_on_while_somebody_decodes() -> None:
    """A makes k = 1; B, though it comes after A's decode, makes it 2: C must wait for both."""
    scenario = Scenario("rad:tile=9,chunk=8,cycle=2")
    scenario.arrive(1, 4)
    assert scenario.steps(2) == ["A+1", "A"]
    scenario.arrive(1, 2)
    scenario.arrive(1, 1)
    assert scenario.run() == ["B+1", "A B", "A", "C+1"]


def test_a_request_of_one_output_token_counts_as_started() -> None:
    """A ends with its prefill: k = 1. B makes it 2: C waits until B has decoded."""
    scenario = Scenario("rad:tile=9,chunk=8,cycle=2")
    scenario.arrive(1, 1)
    scenario.arrive(1, 3)
    scenario.arrive(1, 1)
    assert scenario.run() == ["A+1", "B+1", "B", "B", "C+1"]


def test_a_cycle_of_requests_without_decodes_starts_the_next_one_at_once() -> None:
    """The decode step of an empty D takes no time; it must not be waited for."""
    scenario = Scenario("rad:tile=9,chunk=8,cycle=2")
    for _ in range(5):
        scenario.arrive(1, 1)
    assert scenario.run() == ["A+1", "B+1", "C+1", "D+1", "E+1"]


@pytest.mark.parametrize("name", ["rad", "rad-batch-prefill"])
def test_the_cycle_after_one_without_decodes_counts_from_zero(name: str) -> None:
    scenario = Scenario(f"{name}:tile=9,chunk=8,cycle=2")
    for output_tokens in (1, 1, 3, 3):
        scenario.arrive(1, output_tokens)
    assert scenario.run() == ["A+1", "B+1", "C+1", "D+1", "C D", "C D"]


def test_a_prompt_without_blocks_waits_while_the_others_decode() -> None:
    scenario = Scenario("rad:tile=9,chunk=8", total_blocks=11)
    scenario.arrive(4, 3)
    scenario.arrive(8, 1)
    # A holds 4, then 5, 6 blocks of one token; B needs 8.
    assert scenario.run() == ["A+4", "A", "A", "B+8"]


@pytest.mark.parametrize("max_active", [2, 9])
def test_more_than_a_tile_never_decodes_together(max_active: int) -> None:
    scenario = Scenario(f"rad:tile=2,chunk=8,max_active={max_active}")
    for _ in range(4):
        scenario.arrive(1, 2)
    assert scenario.run() == ["A+1", "B+1", "A B", "C+1", "D+1", "C D"]


def test_batch_prefill_decodes_a_rolling_set_once_the_cycle_is_full() -> None:
    scenario = Scenario("rad-batch-prefill:tile=2,chunk=8,cycle=3")
    scenario.arrive(1, 2)
    scenario.arrive(1, 4)
    scenario.arrive(1, 3)
    scenario.arrive(1, 1)
    # C takes A's place in the tile; D, behind the cycle, waits until nobody decodes.
    assert scenario.run() == ["A+1", "B+1", "C+1", "A B", "B C", "B C", "D+1"]


def test_batch_prefill_decodes_when_the_queue_is_empty_and_then_goes_through() -> None:
    scenario = Scenario("rad-batch-prefill:tile=2,chunk=8,cycle=3")
    scenario.arrive(1, 3)
    assert scenario.steps(2) == ["A+1", "A"]
    scenario.arrive(1, 2)
    assert scenario.run() == ["A", "B+1", "B"]


def test_batch_prefill_in_a_cache_for_one_prompt() -> None:
    scenario = Scenario("rad-batch-prefill:tile=2,chunk=2", total_blocks=4)
    scenario.arrive(3, 2)
    scenario.arrive(3, 2)
    assert scenario.run() == ["A+2", "A+1", "A", "B+2", "B+1", "B"]


def test_batch_prefill_preempts_the_last_in_line_for_the_rolling_set() -> None:
    scenario = Scenario("rad-batch-prefill:tile=1,chunk=4", total_blocks=5)
    scenario.arrive(2, 4)
    scenario.arrive(2, 2)
    # A needs a sixth block for its third token: B, not in the rolling set, gives its two up.
    assert scenario.run() == ["A+2", "B+2", "A", "-B A", "A", "B+3"]


# --- the theorem --------------------------------------------------------------------------------

TILE = 128
STAIRCASE = StaircaseCostModel(t_lin_s=0.004, t_col_tokens=TILE, per_token_s=5e-6)
MEAN_DECODES, LONGEST = 200, 512
PER_TOKEN_S = 0.004 / TILE + 5e-6


def sample(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Prompts of 128 * U{1..8} tokens; min(floor(Exp(200)) + 1, 512) decodes."""
    rng = np.random.default_rng(1)
    prompts = TILE * rng.integers(1, 9, count)
    decodes = np.minimum(np.floor(rng.exponential(MEAN_DECODES, count)) + 1, LONGEST)
    return prompts, decodes.astype(np.int64)


def bound_rps(prompts: np.ndarray, decodes: np.ndarray) -> float:
    """1 / T_R of these requests, without attention."""
    return float(1 / (np.mean(prompts + decodes) * PER_TOKEN_S))


def test_the_bound_of_the_distribution() -> None:
    stays = math.exp(-1 / MEAN_DECODES)  # P(one more decode)
    mean_decodes = sum(stays**k for k in range(LONGEST))
    assert mean_decodes == pytest.approx(185.0, abs=0.01)
    assert 1 / ((4.5 * TILE + mean_decodes) * PER_TOKEN_S) == pytest.approx(36.25, abs=0.005)


@pytest.mark.parametrize(
    ("cycle", "throughput_rps"),
    [("inf", 35.8), ("2000", 35.0), ("500", 32.7), ("128", 26.2), ("32", 11.7)],
)
def test_saturated_throughput(cycle: str, throughput_rps: float) -> None:
    """As a share of the sample's own bound, so that the sample's mean cancels."""
    prompts, decodes = sample(6000)
    output = serve(
        f"rad:tile={TILE},chunk={TILE},cycle={cycle}",
        STAIRCASE,
        requests_at(np.zeros(len(prompts)), prompts, decodes),
    )
    share = len(prompts) / output.end_s / bound_rps(prompts, decodes)
    # The reference figures are of one sample too: for cycles 32 and 128 they lie 0.2 and 1 % below
    # what renewal theory gives (next test).
    assert share == pytest.approx(throughput_rps / 36.25, rel=0.015)


@pytest.mark.parametrize("cycle", [32, 128])
def test_throughput_of_cycles_that_fit_a_tile(cycle: int) -> None:
    """Renewal reward: a cycle prefills its requests, then decodes until the longest has ended."""
    stays = math.exp(-1 / MEAN_DECODES)
    decode_batches = sum(1 - (1 - stays**k) ** cycle for k in range(LONGEST))
    tokens = (4.5 * TILE + sum(stays**k for k in range(LONGEST))) * cycle
    cycle_s = 0.004 * (4.5 * cycle + decode_batches) + 5e-6 * tokens
    prompts, decodes = sample(32 * 128)
    output = serve(
        f"rad:tile={TILE},chunk={TILE},cycle={cycle}",
        STAIRCASE,
        requests_at(np.zeros(len(prompts)), prompts, decodes),
    )
    assert len(prompts) / output.end_s == pytest.approx(cycle / cycle_s, rel=0.01)


def test_the_queue_stays_bounded_just_below_the_bound_and_grows_just_above_it() -> None:
    prompts, decodes = sample(12_000)
    bound = bound_rps(prompts, decodes)
    scheduler = f"rad:tile={TILE},chunk={TILE}"

    due_s = poisson(1.0, len(prompts))
    due_s *= len(due_s) / due_s[-1]  # exactly rate 1: the load is what the name says
    below = serve(scheduler, STAIRCASE, requests_at(due_s / (0.97 * bound), prompts, decodes))
    # At most a tile decodes; the rest is queue.
    assert second_half(below).max() < 2.5 * TILE
    assert abs(growth_rps(below)) < 0.01 * bound

    # Evenly spaced: chance in the arrivals alone would hide an excess of 3 % in a run this short.
    due_s = np.arange(1.0, len(prompts) + 1)
    above = serve(scheduler, STAIRCASE, requests_at(due_s / (1.03 * bound), prompts, decodes))
    assert growth_rps(above) == pytest.approx(0.03 * bound, rel=0.25)


# --- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cycle", [0, -1, 1.5, "nan", "many"])
def test_a_cycle_is_a_whole_number_or_infinite(cycle: float | str) -> None:
    with pytest.raises(ValueError, match="cycle must be a whole number"):
        Rad(cycle=cycle)


@pytest.mark.parametrize("option", ["tile", "chunk"])
def test_sizes_are_checked(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be a whole number of at least 1, not 0"):
        Rad(**{option: 0})


def test_a_budget_below_a_tile_is_refused() -> None:
    with pytest.raises(ValueError, match="token_budget 100 is smaller than a batch of tile=128"):
        Rad(token_budget=100)


def test_limits_follow_the_sizes() -> None:
    assert (Rad(tile=64, chunk=512).token_budget, Rad(tile=64).max_active) == (512, 64)
    assert RadBatchPrefill(tile=64, cycle=100).max_active == 100


def test_a_tile_holds_fewer_decodes_that_verify_drafted_tokens() -> None:
    decoding = [PlainRequest(i, computed_tokens=1, num_blocks=1) for i in range(5)]
    view = PlainView(decoding=decoding, waiting=[PlainRequest(9)], tokens_per_decode=4)
    for kind in (Rad, RadBatchPrefill):
        scheduler = kind(tile=8, cycle=1)
        scheduler._num_in_cycle = 1
        assert len(scheduler.schedule(view).decodes) == 2
    assert len(Rad(tile=3, chunk=8).schedule(view).decodes) == 1  # never none
