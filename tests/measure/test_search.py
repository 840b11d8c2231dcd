import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.measure.search import Proposal, Trial, next_rates


def run_search(
    truth: float, *, parallel: int = 1, start_rps: float = 1.0, noisy_below: float = 0.0
) -> tuple[dict[float, Trial], int]:
    """Search with an engine that holds up to ``truth``; its verdict on one seed is wrong between
    ``noisy_below`` and ``truth``."""
    trials: dict[float, Trial] = {}
    for rounds in range(1, 60):
        proposals = next_rates(list(trials.values()), start_rps=start_rps, parallel=parallel)
        if not proposals:
            return trials, rounds
        for proposal in proposals:
            trial = trials.get(proposal.rate_rps)
            assert trial is None or trial.replicates < proposal.replicates
            wrong = proposal.replicates == 1 and noisy_below < proposal.rate_rps <= truth
            passes = proposal.rate_rps <= truth and not (wrong and noisy_below)
            trials[proposal.rate_rps] = Trial(proposal.rate_rps, passes, proposal.replicates)
    raise AssertionError("the search does not end")


def bracket(trials: dict[float, Trial]) -> tuple[Trial, Trial]:
    high = min((t for t in trials.values() if not t.passes), key=lambda t: t.rate_rps)
    low = max(
        (t for t in trials.values() if t.passes and t.rate_rps < high.rate_rps),
        key=lambda t: t.rate_rps,
    )
    return low, high


@settings(deadline=None)
@given(st.floats(0.01, 500), st.integers(1, 4))
def test_search_ends_with_a_narrow_replicated_bracket_about_the_truth(
    truth: float, parallel: int
) -> None:
    trials, rounds = run_search(truth, parallel=parallel)
    low, high = bracket(trials)
    assert low.rate_rps <= truth < high.rate_rps
    assert high.rate_rps / low.rate_rps <= 1.05
    assert (low.replicates, high.replicates) == (5, 5)
    assert rounds < 25


def test_doubles_then_divides_then_replicates() -> None:
    assert next_rates([], start_rps=1.0) == (Proposal(1.0, 1),)
    good, bad = Trial(1.0, True, 1), Trial(2.0, False, 1)
    assert next_rates([good], start_rps=1.0) == (Proposal(2.0, 1),)
    assert next_rates([good, bad], start_rps=1.0) == (Proposal(1.414, 1),)
    assert next_rates([Trial(1.0, False, 1)], start_rps=1.0) == (Proposal(0.5, 1),)
    near = [Trial(1.0, True, 1), Trial(1.09, False, 3)]
    assert next_rates(near, start_rps=1.0) == (
        Proposal(1.0, 5), Proposal(1.09, 5), Proposal(1.044, 5),
    )  # fmt: skip
    done = [Trial(1.0, True, 5), Trial(1.04, False, 5)]
    assert next_rates(done, start_rps=1.0) == ()


def test_three_at_a_time_divide_evenly() -> None:
    proposals = next_rates([Trial(1.0, True, 1), Trial(16.0, False, 1)], start_rps=1.0, parallel=3)
    assert [p.rate_rps for p in proposals] == [2.0, 4.0, 8.0]


def test_passing_above_a_failure_does_not_count() -> None:
    trials = [Trial(1.0, True, 1), Trial(2.0, False, 1), Trial(4.0, True, 1)]
    assert next_rates(trials, start_rps=1.0) == (Proposal(1.414, 1),)


def test_verdict_that_more_seeds_overturn_moves_the_bracket() -> None:
    trials, _ = run_search(1.3, noisy_below=1.24)
    low, high = bracket(trials)
    assert low.rate_rps <= 1.3 < high.rate_rps


def test_gives_up_at_its_limits() -> None:
    least = Trial(0.25, False, 1)
    assert next_rates([least], start_rps=1.0, min_rps=0.25) == ()
    most = Trial(4.0, True, 1)
    assert next_rates([most], start_rps=1.0, max_rps=4.0) == (Proposal(4.0, 5),)
    assert next_rates([Trial(4.0, True, 5)], start_rps=1.0, max_rps=4.0) == ()
    assert next_rates([Trial(3.0, True, 1)], start_rps=1.0, max_rps=4.0) == (Proposal(4.0, 1),)


def test_senseless_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        next_rates([], start_rps=0.0)
    with pytest.raises(ValueError, match="at least 1"):
        next_rates([], start_rps=1.0, replicates=0)
