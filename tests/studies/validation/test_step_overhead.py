"""The only number that a run may decide, and what it may not look at."""

from __future__ import annotations

import numpy as np
import pytest

from slaibench.recording.record import FloatArray
from slaibench.studies.validation.step_overhead import (
    RESOLUTION_MS,
    every_second,
    fit_step_overhead,
)

TPOT = np.linspace(0.02, 0.04, 41)


def by_steps(base: FloatArray) -> object:
    """Every token takes a step, and every step the overhead."""
    return lambda overhead_ms: base + overhead_ms / 1e3


def test_the_overhead_that_was_there_is_found() -> None:
    members = every_second(len(TPOT))
    fit = fit_step_overhead(TPOT + 0.0037, members, by_steps(TPOT))  # type: ignore[arg-type]
    assert fit.step_overhead_ms == pytest.approx(3.7, abs=RESOLUTION_MS)
    assert fit.num_requests == 21
    assert fit.bias_before < -0.1
    assert abs(fit.bias) < 1e-3


def test_no_time_is_taken_away_from_batches_that_are_too_long() -> None:
    members = every_second(len(TPOT))
    fit = fit_step_overhead(TPOT * 0.9, members, by_steps(TPOT))  # type: ignore[arg-type]
    assert fit.step_overhead_ms == 0
    assert fit.bias == fit.bias_before > 0


def test_only_members_decide() -> None:
    members = every_second(len(TPOT))
    observed = TPOT + 0.002
    observed[~members] *= 50
    fit = fit_step_overhead(observed, members, by_steps(TPOT))  # type: ignore[arg-type]
    assert fit.step_overhead_ms == pytest.approx(2.0, abs=RESOLUTION_MS)


def test_a_few_requests_that_waited_do_not_move_it() -> None:
    observed = TPOT + 0.002
    observed[:8] += 1.0
    fit = fit_step_overhead(observed, every_second(len(TPOT)), by_steps(TPOT))  # type: ignore[arg-type]
    assert fit.step_overhead_ms == pytest.approx(2.0, abs=0.02)


def test_the_halves_are_disjoint_and_of_every_phase() -> None:
    chosen = every_second(7)
    assert chosen.tolist() == [True, False, True, False, True, False, True]


def test_without_a_tpot_there_is_nothing_to_fit_to() -> None:
    with pytest.raises(ValueError, match="nothing to fit the step overhead to"):
        fit_step_overhead(np.full(4, np.nan), every_second(4), by_steps(TPOT))  # type: ignore[arg-type]
