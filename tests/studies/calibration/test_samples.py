from __future__ import annotations

import pytest

from slaibench.catalog import get_profile
from slaibench.costmodel import CostModel
from slaibench.studies.calibration.design import ProbeCell, ProbeKind
from slaibench.studies.calibration.probe_plan import ProbeStep
from slaibench.studies.calibration.samples import (
    held_out_errors,
    overhead_s,
    predicted_s,
    samples,
    spread,
)

CELLS = [
    ProbeCell(2, (), held_out=False),
    ProbeCell(2, (), held_out=True),
    ProbeCell(0, ((64, 0),), held_out=True),
]
COST = CostModel(get_profile("h100", "mistral-7b"))


def step(
    cell: int, cycle_s: float, context: int = 100, forward_s: float | None = None
) -> ProbeStep:
    chunks = CELLS[cell].chunks if cell >= 0 else ((9, 0),)
    return ProbeStep(cell, CELLS[cell].decodes, context, chunks, cycle_s, 0.002, forward_s)


def test_a_cell_is_its_median_step_with_that_steps_own_context() -> None:
    rounds = [
        [step(0, 0.010, 100), step(-1, 9.0), step(2, 0.5)],
        [step(0, 0.090, 300)],  # somebody else woke up
        [step(0, 0.011, 200)],
    ]
    first, last = samples("short", CELLS, rounds)
    assert (first.step.cycle_s, first.step.context_tokens) == (0.011, 200)
    assert first.times_s == (0.010, 0.090, 0.011)
    assert (last.cell, last.kind, last.times_s) == (CELLS[2], ProbeKind.PREFILL, (0.5,))


def test_overhead_is_what_the_device_did_not_take() -> None:
    steps = [step(0, 0.010, forward_s=0.007), step(1, 0.020, forward_s=0.017)]
    assert overhead_s(samples("a", CELLS, [steps])) == pytest.approx(0.003)
    unreported = samples("a", CELLS, [[step(0, 0.010)]])
    assert overhead_s(unreported) == pytest.approx(0.002)


def test_spread_is_one_half_of_the_rounds_against_the_other() -> None:
    one_visit = samples("a", CELLS, [[step(0, 0.010)]])
    assert spread(one_visit) is None
    two_visits = samples("a", CELLS, [[step(0, 0.012)], [step(0, 0.010)]])
    assert spread(two_visits) == pytest.approx(0.2)


def test_errors_are_of_what_was_held_out_and_nothing_else() -> None:
    true = {cell: predicted_s(COST, step(cell, 1.0)) for cell in range(3)}
    measured = samples(
        "a", CELLS, [[step(0, 5 * true[0]), step(1, true[1] / 1.1), step(2, true[2] / 0.8)]] * 2
    )
    decode, prefill = held_out_errors(COST, measured)
    assert (decode.kind, decode.num_cells) == (ProbeKind.DECODE, 1)
    assert (decode.median, decode.bias) == (pytest.approx(0.1), pytest.approx(0.1))
    assert (prefill.median, prefill.bias) == (pytest.approx(0.2), pytest.approx(-0.2))
    assert decode.spread == prefill.spread == 0
