"""What queueing theory says of each scheduler, on the hardware model it was proved for.

Li, Dai, Peng, "Throughput-Optimal Scheduling Algorithms for LLM Inference and AI Agents", arXiv
2504.07347, called LDP here: batch time ``c + a * ceil(tokens / b0)``; memory is never short.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import poisson as poisson_law

from slaibench.backends.base import RunOutput
from slaibench.costmodel import StaircaseCostModel
from slaibench.recording.record import FloatArray
from tests.schedulers.theory import growth_rps, in_system, poisson, requests_at, second_half, serve

# CodeLlama-34B on one A100 (LDP, Sec. 2.3).
CODELLAMA = StaircaseCostModel(constant_s=0.01128, t_lin_s=0.03547, t_col_tokens=128)
BUDGET = 512
PROMPT, DECODES = 129, 112
BOUNDARY_RPS = BUDGET / CODELLAMA.batch_time_s(0, 0, [(BUDGET, 0)]) / (PROMPT + DECODES)

# The theory limits tokens in a batch, not requests.
NO_LIMIT = f"token_budget={BUDGET},max_active=1000000"
SARATHI = f"sarathi:{NO_LIMIT}"
ORCA = f"orca:{NO_LIMIT}"
SLAI = f"slai:{NO_LIMIT},decode_limit={BUDGET}"
DECODE_FIRST = f"decode-first:{NO_LIMIT}"
PREFILL_FIRST = f"prefill-first:{NO_LIMIT}"
RAD = "rad:tile=128,chunk=256"


def batch_s(tokens: int) -> float:
    return CODELLAMA.batch_time_s(tokens, 0, [])


def arrivals(rate_rps: float, count: int = 2000) -> FloatArray:
    """Poisson, at the mean rate exactly."""
    due_s = poisson(rate_rps, count)
    return np.asarray(due_s * (count / rate_rps / due_s[-1]))


def at_load(scheduler: str, load: float, count: int = 2000) -> RunOutput:
    """A run at a multiple of the boundary that no scheduler can pass."""
    due_s = arrivals(load * BOUNDARY_RPS, count)
    return serve(scheduler, CODELLAMA, requests_at(due_s, PROMPT, DECODES))


def decoded_rps(output: RunOutput) -> float:
    """Requests' worth of decodes a second, over the second half of the run."""
    late = output.steps.start_s >= output.end_s / 2
    span_s = output.end_s - output.steps.start_s[late][0]
    return float(output.steps.decodes[late].sum() / DECODES / span_s)


def test_the_boundary() -> None:
    assert round(BOUNDARY_RPS, 2) == 13.87


@pytest.mark.parametrize(
    "scheduler", [SARATHI, ORCA, SLAI, "sarathi", "orca", "slai"], ids=lambda text: text[:12]
)
def test_work_conserving_schedulers_stay_flat_at_three_quarters(scheduler: str) -> None:
    output = at_load(scheduler, 0.75)
    assert second_half(output).max() < 200
    assert abs(growth_rps(output)) < 0.03 * 0.75 * BOUNDARY_RPS


def test_decode_first_serves_one_batch_of_prompts_at_a_time() -> None:
    """Three prompts fit the budget; then 112 batches of three decodes before the next three."""
    output = at_load(DECODE_FIRST, 0.75)
    served_rps = 3 / (batch_s(3 * PROMPT) + DECODES * batch_s(3))
    assert served_rps < 0.05 * BOUNDARY_RPS
    assert output.requests.finished.sum() == pytest.approx(served_rps * output.end_s, abs=6)


def test_prefill_first_piles_requests_up_where_sarathi_does_not() -> None:
    many, few = second_half(at_load(PREFILL_FIRST, 0.75)), second_half(at_load(SARATHI, 0.75))
    assert many.mean() > 4 * few.mean()


def test_prefill_first_diverges_where_sarathi_and_orca_do_not() -> None:
    """With ``BUDGET`` or more requests decoding, prefill-first alternates between one full batch
    of decodes and prompts until none waits: a Markov chain whose speed can be computed. With this
    hardware its own boundary lies at 0.76 of LDP's.
    """
    assert _prefill_first_rps(0.75 * BOUNDARY_RPS) > 0.75 * BOUNDARY_RPS
    assert _prefill_first_rps(0.77 * BOUNDARY_RPS) < 0.77 * BOUNDARY_RPS
    rate_rps = 0.9 * BOUNDARY_RPS
    for scheduler in (SARATHI, ORCA):
        assert abs(growth_rps(at_load(scheduler, 0.9, 4000))) < 0.04 * rate_rps
    output = at_load(PREFILL_FIRST, 0.9, 4000)
    assert growth_rps(output) > 0.2 * rate_rps
    assert decoded_rps(output) == pytest.approx(_prefill_first_rps(rate_rps), rel=0.05)


def _prefill_first_rps(rate_rps: float) -> float:
    """Requests a second that prefill-first decodes while more than ``BUDGET`` of them decode."""
    most = BUDGET // PROMPT  # prompts in a batch
    states = np.arange(150)  # prompts waiting, cut where it no longer matters
    matrix, time_s = np.eye(len(states)), np.zeros(len(states))
    for waiting in states[1:]:
        taken = min(int(waiting), most)
        time_s[waiting] = batch_s(taken * PROMPT)
        arriving = poisson_law.pmf(states, rate_rps * time_s[waiting])
        for arrived, chance in zip(states, arriving, strict=True):
            matrix[waiting, min(waiting - taken + arrived, states[-1])] -= chance
    until_none_waits_s = np.linalg.solve(matrix, time_s)
    first = poisson_law.pmf(states, rate_rps * batch_s(BUDGET))
    return float(BUDGET / DECODES / (batch_s(BUDGET) + first @ until_none_waits_s))


@pytest.mark.parametrize("scheduler", [SARATHI, ORCA, SLAI], ids=lambda text: text[:7])
def test_above_the_boundary_even_full_batches_fall_behind(scheduler: str) -> None:
    output = at_load(scheduler, 1.1, 4000)
    late = output.steps.start_s > output.end_s / 2
    tokens = output.steps.prefill_tokens + output.steps.decodes
    # Not one slot is wasted, so nobody could have done better.
    assert (tokens[late] == BUDGET).all()
    assert growth_rps(output) > 0.03 * 1.1 * BOUNDARY_RPS


@pytest.mark.parametrize("scheduler", ["sarathi", "orca", "slai"])
def test_above_the_boundary_a_limit_of_active_requests_does_not_help(scheduler: str) -> None:
    output = at_load(scheduler, 1.1, 4000)
    assert growth_rps(output) > 0.05 * 1.1 * BOUNDARY_RPS


def test_rad_reaches_its_own_bound_which_a_cost_per_batch_lowers() -> None:
    """Its theorem has no cost per batch and prompts in whole tiles. Here each prompt pays for two
    tiles and for a batch of its own: T_R is twice what a Sarathi of 512 tokens needs."""
    own_rps = 1 / (batch_s(PROMPT) + DECODES * batch_s(128) / 128)
    assert own_rps == pytest.approx(0.585 * BOUNDARY_RPS, rel=0.01)

    below = at_load(RAD, 0.5)
    assert abs(growth_rps(below)) < 0.03 * 0.5 * BOUNDARY_RPS
    assert second_half(below).max() < 200

    above = at_load(RAD, 0.75)
    assert growth_rps(above) > 0.1 * 0.75 * BOUNDARY_RPS
    assert decoded_rps(above) == pytest.approx(own_rps, rel=0.02)


def test_batch_prefill_never_passes_the_bound_of_its_tile() -> None:
    own_rps = 1 / (batch_s(PROMPT) + DECODES * batch_s(BUDGET) / BUDGET)
    scheduler = f"rad-batch-prefill:tile={BUDGET},chunk={BUDGET}"
    assert second_half(at_load(scheduler, 0.5)).max() < 300
    above = at_load(scheduler, 0.75)
    # Whole phases differ; over the whole run they even out.
    assert above.requests.finished.sum() < own_rps * above.end_s
    assert in_system(above, np.array([above.end_s]))[0] > 0.1 * len(above.requests)


# --- a limit of active requests: LDP, Sec. 6.2, point C ------------------------------------------

POINT_C_GAP_S = 0.4675


def at_point_c(scheduler: str, tbt_slo_s: float = 0.5) -> RunOutput:
    due_s = np.arange(1.0, 601.0) * POINT_C_GAP_S
    return serve(
        f"{scheduler},max_active=100", CODELLAMA, requests_at(due_s, 290, 990, tbt_slo_s=tbt_slo_s)
    )


def test_point_c_sarathi_with_a_small_budget_locks_into_29_and_99_tokens() -> None:
    output = at_point_c("sarathi:token_budget=128")
    assert second_half(output).max() <= 101
    assert (output.steps.prefill_tokens[-100:] == 29).all()
    assert (output.steps.decodes[-100:] == 99).all()


@pytest.mark.parametrize("scheduler", ["sarathi:token_budget=1024", "orca:token_budget=128"])
def test_point_c_larger_budgets_and_prefill_priority_diverge(scheduler: str) -> None:
    """They admit up to the limit of 100 early, and then run decodes in batches that nobody
    completes to a whole tile."""
    assert growth_rps(at_point_c(scheduler)) > 0.1 / POINT_C_GAP_S


def test_point_c_slai_is_sarathi_under_strict_slos_and_orca_under_lax_ones() -> None:
    strict = at_point_c("slai:token_budget=128", tbt_slo_s=0.01)
    assert second_half(strict).max() <= 101
    lax = at_point_c("slai:token_budget=128", tbt_slo_s=math.inf)
    orca = at_point_c("orca:token_budget=128")
    assert np.array_equal(lax.steps.prefill_tokens, orca.steps.prefill_tokens)
    assert np.array_equal(lax.steps.decodes, orca.steps.decodes)


def test_slai_without_slack_is_sarathi_batch_for_batch() -> None:
    """Every decode is critical at once, so it goes first, as under Sarathi."""
    rng = np.random.default_rng(3)
    due_s = arrivals(0.9 * BOUNDARY_RPS, 500)
    prompts, decodes = rng.integers(1, 600, 500), rng.integers(0, 224, 500)
    requests = requests_at(due_s, prompts, decodes, tbt_slo_s=0.0)
    slai = serve(f"slai:order=fcfs,decode_limit={BUDGET},{NO_LIMIT}", CODELLAMA, requests)
    sarathi = serve(SARATHI, CODELLAMA, requests)
    assert np.array_equal(slai.requests.token_times_s, sarathi.requests.token_times_s)
    assert np.array_equal(slai.steps.critical_decodes, sarathi.steps.critical_decodes)
