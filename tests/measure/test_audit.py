import math

import numpy as np
import pytest

from slaibench.measure.audit import audit, index_of_dispersion
from slaibench.recording.record import FloatArray

RATE = 1.6


def arrivals(process: str, rng: np.random.Generator, n: int = 3000) -> FloatArray:
    gaps = {
        "poisson": lambda: rng.exponential(1.0, n),
        "poisson-truncated": lambda: np.minimum(rng.exponential(1.0, n), 3.0),
        "gamma": lambda: rng.gamma(0.25, 4.0, n),
        "constant": lambda: np.ones(n),
        "burst": lambda: np.zeros(n),
    }[process]()
    return np.cumsum(gaps) / RATE


@pytest.mark.parametrize("process", ["poisson", "poisson-truncated", "gamma", "constant", "burst"])
def test_sound_generators_pass(process: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        due = arrivals(process, rng)
        result = audit(due, due, process=process, rate_rps=RATE, cv=2.0)
        assert result.process_ok, result.process_note
        assert result.valid


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        ("poisson", "poisson-truncated"),
        ("poisson-truncated", "poisson"),
        ("poisson", "gamma"),
        ("gamma", "poisson"),
        ("poisson", "constant"),
        ("constant", "poisson"),
        ("burst", "constant"),
    ],
)
def test_another_process_than_declared_is_noticed(declared: str, actual: str) -> None:
    due = arrivals(actual, np.random.default_rng(2))
    result = audit(due, due, process=declared, rate_rps=RATE, cv=2.0)
    assert result.process_ok is False
    assert result.valid  # it is said, but only send lag makes a run invalid


def test_wrong_rate_is_noticed() -> None:
    due = arrivals("poisson", np.random.default_rng(3))
    assert audit(due, due, process="poisson", rate_rps=1.1 * RATE).process_ok is False


def test_truncated_gaps_have_the_rate_and_variation_of_the_paper() -> None:
    due = arrivals("poisson-truncated", np.random.default_rng(4), 200_000)
    result = audit(due, due, process="poisson-truncated", rate_rps=RATE)
    assert result.expected_rps == pytest.approx(1.052 * RATE, rel=1e-3)
    assert result.expected_gap_cv == pytest.approx(0.88, abs=0.005)
    assert result.measured_rps == pytest.approx(result.expected_rps, rel=0.01)
    assert result.gap_cv == pytest.approx(result.expected_gap_cv, rel=0.01)


def test_a_finding_is_a_named_note_and_never_makes_a_run_invalid() -> None:
    due = arrivals("poisson-truncated", np.random.default_rng(5), 500)
    audited = audit(due, due, process="poisson", rate_rps=RATE)
    assert audited.valid
    assert audited.process_ok is False
    (note,) = audited.notes
    assert note.startswith("arrivals are not as declared (poisson): longest gap in mean gaps 3, ")
    assert "expected 6.58 (p " in note
    assert audited.longest_gap == pytest.approx(3.0)
    assert audited.joint_p is not None
    assert audited.joint_p < 1e-9


def test_a_note_is_the_same_at_every_rate() -> None:
    gaps = np.minimum(np.random.default_rng(5).exponential(1.0, 500), 3.0)
    first, second = (
        audit(np.cumsum(gaps) / rate, np.cumsum(gaps) / rate, process="poisson", rate_rps=rate)
        for rate in (0.7, 11.0)
    )
    assert first.notes == second.notes != ()


def test_arrivals_as_declared_have_no_note() -> None:
    due = arrivals("poisson", np.random.default_rng(6), 500)
    audited = audit(due, due, process="poisson", rate_rps=RATE)
    assert audited.notes == audited.findings == ()
    assert audited.process_note == "gaps agree with poisson"


def test_dispersion_tells_even_from_bursty() -> None:
    rng = np.random.default_rng(6)
    assert index_of_dispersion(arrivals("constant", rng)) < 0.1
    assert index_of_dispersion(arrivals("poisson", rng)) == pytest.approx(1, abs=0.3)
    assert index_of_dispersion(arrivals("gamma", rng)) > 2
    assert index_of_dispersion(np.arange(199.0)) is None


def test_trace_has_no_distribution() -> None:
    due = np.sort(np.random.default_rng(7).uniform(0, 100, 400))
    result = audit(due, due, process="trace")
    assert (result.process_ok, result.joint_p, result.expected_rps) == (None, None, None)
    assert result.measured_rps == pytest.approx(399 / (due[-1] - due[0]))


@pytest.mark.parametrize(("lag_s", "late"), [(0.0049, False), (0.0051, True)])
def test_lag_of_more_than_five_ms_is_late(lag_s: float, late: bool) -> None:
    due = np.arange(1.0, 201.0)
    result = audit(due, due + lag_s, process="constant", rate_rps=1.0, median_ttft_s=2.0)
    assert result.late is late
    assert result.lag_p99_s == result.lag_max_s == pytest.approx(lag_s)


@pytest.mark.parametrize(("lag_s", "late"), [(0.0019, False), (0.0021, True)])
def test_lag_of_more_than_one_percent_of_the_median_ttft_is_late(lag_s: float, late: bool) -> None:
    due = np.arange(1.0, 201.0)
    result = audit(due, due + lag_s, process="constant", rate_rps=1.0, median_ttft_s=0.2)
    assert result.lag_budget_s == pytest.approx(0.002)
    assert result.late is late


def test_late_is_by_the_99th_percentile_and_makes_no_run_invalid_by_itself() -> None:
    due = np.arange(1.0, 1001.0)
    sent = due.copy()
    sent[:5] += 1.0
    assert not audit(due, sent, process="constant", rate_rps=1.0).late
    sent[:20] += 1.0
    result = audit(due, sent, process="constant", rate_rps=1.0)
    assert result.late
    assert (result.valid, result.reason) == (True, "")


def test_sending_early_is_invalid() -> None:
    due = np.arange(1.0, 201.0)
    result = audit(due, due - 0.01, process="constant", rate_rps=1.0)
    assert not result.valid
    assert "before it was due" in result.reason


def test_requests_never_sent_have_no_lag() -> None:
    due = np.arange(1.0, 201.0)
    result = audit(due, np.full(200, math.nan), process="constant", rate_rps=1.0)
    assert result.lag_p99_s is None
    assert result.valid


def test_saturated_ttft_leaves_the_budget_alone() -> None:
    due = np.arange(1.0, 201.0)
    result = audit(due, due, process="constant", rate_rps=1.0, median_ttft_s=math.inf)
    assert result.lag_budget_s == 0.005


def test_undeclared_is_refused() -> None:
    due = np.arange(1.0, 9.0)
    with pytest.raises(ValueError, match="known: poisson"):
        audit(due, due, process="possion", rate_rps=1.0)
    with pytest.raises(ValueError, match="rate_rps"):
        audit(due, due, process="poisson")


def test_empty_run() -> None:
    result = audit(np.empty(0), np.empty(0), process="poisson", rate_rps=1.0)
    assert (result.num_requests, result.measured_rps, result.process_ok) == (0, None, None)


def test_a_trace_tells_the_rate_that_it_offered() -> None:
    due = np.cumsum(np.full(100, 0.032))
    result = audit(due, due, process="trace", rate_rps=4.0)
    assert result.offered_rps == pytest.approx(31.25)
    assert result.off_rate == pytest.approx(31.25 / 4)
    assert "come at 7.81 times the rate that was asked for" in result.notes[0]
    as_asked = audit(due, due, process="trace", rate_rps=31.1)
    assert (as_asked.off_rate, as_asked.notes) == (None, ())
    assert audit(due, due, process="trace").notes == ()


def test_a_random_process_offers_what_it_has_in_truth() -> None:
    due = arrivals("poisson-truncated", np.random.default_rng(1))
    assert audit(due, due, process="poisson", rate_rps=RATE).offered_rps == RATE
    cut = audit(due, due, process="poisson-truncated", rate_rps=RATE)
    assert cut.offered_rps == pytest.approx(RATE / (1 - math.exp(-3)))
    assert cut.notes == ()
    assert audit(0 * due, 0 * due, process="burst", rate_rps=RATE).offered_rps is None
