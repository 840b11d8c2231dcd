"""The window of a backlog, and what counts in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from slaibench.measure.saturated import backlog_window, saturated, worth_between
from slaibench.measure.work import Prices
from slaibench.recording.record import Recording
from slaibench.spec import StudySpec
from slaibench.studies.prepared import prepare
from tests.measure.recordings import Row, recording

PRICES = Prices(1.0, 0.0, 10.0, 0.0, 0.0)


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
    found = backlog(600)
    window = backlog_window(found)
    assert window is not None
    steps = found.steps
    inside = (steps.end_s > window[0]) & (steps.end_s <= window[1])
    assert (steps.prefill_tokens + steps.decodes)[inside].min() == 512
    assert steps.waiting[steps.end_s > window[1]].max() == 0
    assert window[0] > 0


def test_a_backlog_that_is_taken_in_at_once_has_no_window() -> None:
    assert backlog_window(backlog(30)) is None
    assert saturated(backlog(30), PRICES) is None


def test_no_batches_on_record_have_no_window() -> None:
    found = backlog(600)
    empty = type(found.steps)(*(np.empty(0) for _ in range(9)))
    assert backlog_window(replace(found, steps=empty)) is None


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
