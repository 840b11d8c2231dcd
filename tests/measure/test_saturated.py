"""The window of a backlog, and what counts in it."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from slaibench.measure.saturated import (
    BATCHES,
    FULL_FROM,
    backlog_window,
    saturated,
    throughput_under_overload,
    worth_between,
    worth_over,
)
from slaibench.measure.work import Prices
from slaibench.recording.record import Recording, RequestTable
from slaibench.spec import StudySpec
from slaibench.studies.prepared import prepare
from tests.measure.recordings import Row, no_steps, recording

PRICES = Prices(1.0, 0.0, 10.0, 0.0, 0.0)
ONE_EACH = Prices(0.0, 0.0, 1.0, 0.0, 0.0)
"""A decode is worth a second, a prompt nothing."""


def backlog(count: int) -> Recording:
    spec = StudySpec(
        schedulers=("sarathi",),
        workload="uniform:prompt=200-1800,output=20-120",
        arrivals="burst",
        rates=(1.0,),
        num_requests=count,
        early_stop=False,
    )
    with prepare(spec) as prepared:
        return prepared.run(prepared.cells()[0])


def test_the_window_is_full_of_batches_and_ends_when_nobody_waits() -> None:
    run = backlog(600)
    window = backlog_window(run)
    assert window is not None
    steps = run.steps
    inside = (steps.end_s > window[0]) & (steps.end_s <= window[1])
    assert (steps.prefill_tokens + steps.decodes)[inside].min() == 512
    assert steps.waiting[steps.end_s > window[1]].max() == 0
    assert window[0] > 0


def test_a_backlog_that_is_taken_in_at_once_has_no_window() -> None:
    assert backlog_window(backlog(30)) is None
    assert saturated(backlog(30), PRICES) is None


def test_no_batches_on_record_have_no_window() -> None:
    run = backlog(600)
    empty = type(run.steps)(*(np.empty(0) for _ in range(9)))
    assert backlog_window(replace(run, steps=empty)) is None


def test_only_what_lies_wholly_inside_counts() -> None:
    rows = [
        Row(0.0, (2.0, 3.0, 4.0), prompt_tokens=5, scheduled_s=1.0),  # its prompt began before
        Row(0.0, (3.0, 4.0, 6.0), prompt_tokens=7, scheduled_s=2.0),
        Row(0.0, (6.0,), prompt_tokens=9, scheduled_s=4.0),  # its first token came after
    ]
    requests = recording(rows, 6.0).requests
    # Decodes at 3, 4 and 4; one prompt of 7 tokens.
    assert worth_between(requests, 16, PRICES, 2.0, 5.0) == pytest.approx(3 * 10 + 7)


def test_decodes_are_worth_what_they_read_and_hold() -> None:
    requests = recording(
        [Row(0.0, (1.0, 2.0, 3.0), prompt_tokens=15, scheduled_s=0.0)], 3.0
    ).requests
    prices = Prices(0.0, 0.0, 0.0, 1.0, 100.0)
    # They read 16 and 17 tokens, in one block and in two.
    assert worth_between(requests, 16, prices, 0.0, 3.0) == pytest.approx(16 + 17 + 300)


def test_work_is_priced_where_it_ended() -> None:
    prices = Prices(prefill_token_s=1.0, pair_s=0.0, decode_s=10.0, context_s=100.0, block_s=1000.0)
    rows = [
        Row(0.0, (2.0, 3.0, 7.0), prompt_tokens=16),
        Row(1.0, (6.0,), prompt_tokens=5),
        Row(2.0, (), "unfinished", prompt_tokens=999),
    ]
    worth_s = worth_over(recording(rows, 9.0).requests, 16, prices, np.array([0.0, 4.0, 8.0]))
    # Until 4: a prompt of 16 and a decode that reads 17 tokens in two blocks. Until 8: a decode
    # that reads 18, and a prompt of 5; who got no token did no work.
    assert worth_s.tolist() == [16 + 10 + 1700 + 2000, 10 + 1800 + 2000 + 5]


def test_work_outside_the_edges_does_not_count() -> None:
    requests = recording([Row(0.0, (1.0, 2.0, 3.0, 4.0))], 5.0).requests
    assert worth_over(requests, 16, ONE_EACH, np.array([2.5, 3.5])).tolist() == [1.0]


def overloaded(requests: RequestTable, prices: Prices, bound_rps: float) -> Recording:
    spec = {"overload": {"bound_rps": bound_rps, **asdict(prices)}}
    return Recording({"end_s": 2000.0, "block_size": 16, "spec": spec}, requests, no_steps())


def test_throughput_is_the_bounds_rate_times_the_worth_of_a_second() -> None:
    """Ten decodes a second from 300 s on, at 0.06 s each: 60 % of the bound. What comes before the
    engine is full, and after the last arrival, is another pace."""
    times = np.concatenate(
        [np.arange(0, 300, 0.5), np.arange(300.05, 1000, 0.1), np.arange(1000.01, 2000, 0.03)]
    )
    made = recording([Row(0.0, (0.0, *times), prompt_tokens=1)], 2000.0)
    requests = replace(made.requests, due_s=np.array([1000.0]))
    throughput = throughput_under_overload(
        overloaded(requests, replace(ONE_EACH, decode_s=0.06), 2.0)
    )
    assert throughput is not None
    assert throughput.rate_rps == pytest.approx(1.2, rel=1e-3)
    assert throughput.low <= throughput.rate_rps <= throughput.high < throughput.low + 0.01


def test_the_interval_is_of_the_parts_throughputs() -> None:
    rng = np.random.default_rng(1)
    rates = rng.uniform(5, 15, BATCHES)
    edges = 1000 * np.linspace(FULL_FROM, 1, BATCHES + 1)
    times = [
        np.linspace(low, high, int(rate * (high - low)), endpoint=False) + 1e-6
        for rate, low, high in zip(rates, edges[:-1], edges[1:], strict=True)
    ]
    made = recording([Row(0.0, (0.0, *np.concatenate(times)), prompt_tokens=1)], 1000.0)
    requests = replace(made.requests, due_s=np.array([1000.0]))
    throughput = throughput_under_overload(overloaded(requests, ONE_EACH, 1.0))
    assert throughput is not None
    half = 2.3646 * rates.std(ddof=1) / np.sqrt(BATCHES)  # t of 7 degrees
    assert throughput.rate_rps == pytest.approx(rates.mean(), rel=0.01)
    assert throughput.high - throughput.low == pytest.approx(2 * half, rel=0.02)


def test_another_run_measures_none() -> None:
    made = recording([Row(0.0, (1.0, 2.0))], 3.0)
    run = {**made.run, "block_size": 16, "spec": {"rate_rps": 1.0}}
    assert throughput_under_overload(replace(made, run=run)) is None
