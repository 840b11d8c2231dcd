"""When the load generator's delay is what a run asserts: both sides of the rule."""

from __future__ import annotations

import numpy as np
import pytest

from slaibench.measure.lag import changed_verdicts, without_lag
from slaibench.measure.metrics import RunMetrics, run_metrics
from slaibench.measure.slo import parse_slos
from slaibench.measure.steady import Steadiness
from slaibench.recording.record import Recording, RequestTable
from tests.measure.recordings import Row, recording

SLOS = parse_slos("ttft_p50<0.5")


def late_by(lag_s: float, ttft_s: float) -> Recording:
    """200 requests, each sent so late, and given its first token so long after it was due."""
    made = recording([Row(float(i), (i + ttft_s, i + ttft_s + 1.0)) for i in range(200)], 300.0)
    requests = made.requests
    sent = RequestTable(**{**requests.__dict__, "sent_s": requests.due_s + lag_s})
    return Recording(made.run, sent, made.steps)


def metrics(made: Recording) -> RunMetrics:
    return run_metrics(made, cut_s=0.0)


@pytest.mark.parametrize(
    ("lag_s", "ttft_s", "changed"),
    [
        (0.01, 0.495, []),
        (0.01, 0.505, ["ttft_p50<0.5 is met"]),
        (0.01, 0.515, []),
        (0.30, 0.490, []),  # Most of the TTFT is lag, and still it holds.
        (0.30, 0.700, ["ttft_p50<0.5 is met"]),
    ],
)
def test_lag_decides_where_a_verdict_is_another_without_it(
    lag_s: float, ttft_s: float, changed: list[str]
) -> None:
    made = late_by(lag_s, ttft_s)
    prompt = Recording(made.run, without_lag(made.requests), made.steps)
    steady = Steadiness.STEADY
    verdicts = changed_verdicts(SLOS, (metrics(made), steady), (metrics(prompt), steady))
    assert verdicts == changed


@pytest.mark.parametrize(
    ("late", "prompt", "changed"),
    [
        (Steadiness.GROWING, Steadiness.STEADY, ["the run is not saturated"]),
        (Steadiness.STEADY, Steadiness.GROWING, ["the run is saturated"]),
        (Steadiness.STEADY, Steadiness.CANNOT_TELL, []),
    ],
)
def test_lag_decides_where_only_it_makes_a_run_grow(
    late: Steadiness, prompt: Steadiness, changed: list[str]
) -> None:
    same = metrics(late_by(0.0, 0.1))
    assert changed_verdicts(SLOS, (same, late), (same, prompt)) == changed


def test_every_request_is_taken_back_by_at_least_the_lag_of_nearly_all() -> None:
    requests = late_by(0.0, 0.4).requests
    sent_s = requests.due_s + np.where(np.arange(200) < 20, 0.2, 0.0)
    sent_s[0], sent_s[1] = requests.due_s[0] + 0.3, np.nan
    made = RequestTable(**{**requests.__dict__, "sent_s": sent_s})
    prompt = without_lag(made)
    assert prompt.ttft_s[0] == pytest.approx(0.1)
    assert prompt.ttft_s[1] == pytest.approx(0.4)  # Never sent: nothing to take off.
    assert prompt.ttft_s[100] == pytest.approx(0.2)
    assert np.nanmax(prompt.sent_s - prompt.due_s) == 0


def test_no_token_comes_before_its_request_was_due() -> None:
    prompt = without_lag(late_by(0.2, 0.1).requests)
    assert (prompt.ttft_s == 0).all()
    assert (np.diff(prompt.token_times_s[:2]) >= 0).all()
