"""The A/A benchmark compares runs that have nothing in common, and knows what is false of them."""

from __future__ import annotations

from benchmarks.judge_aa import NULLS, RATES, judgements, side
from slaibench.measure.regression import ChangeVerdict
from slaibench.studies.judge.design import DEFAULT_SEEDS, Design
from slaibench.studies.regression.replicate import Replicate
from tests.studies.regression.replicates import replicate

NAME = "ttft_p50_s"
DESIGN = Design((NAME,), 0.05, len(RATES), DEFAULT_SEEDS, comparisons=len(RATES))


def runs(num_judgements: int, factor: float = 1.0) -> list[Replicate]:
    """Runs whose odd seeds, the candidate's, are larger by a factor."""
    return [
        replicate(seed, {NAME: (1 + 1e-6 * seed) * (factor if seed % 2 else 1)}, rate_rps=rate)
        for seed in range(num_judgements * 2 * DEFAULT_SEEDS)
        for rate in RATES
    ]


def test_every_run_is_in_one_judgement_and_on_one_side() -> None:
    rows = list(judgements(runs(3), NULLS[0], DESIGN))
    assert [len(one) for one in rows] == [len(RATES)] * 3
    assert all(row.replicates == (DEFAULT_SEEDS,) * 2 and row.paired for one in rows for row in one)
    assert all(run.content != other.content for run, other in zip(*halves(), strict=True))


def halves() -> tuple[list[Replicate], list[Replicate]]:
    all_runs = runs(1)
    return side(all_runs[::2]), side(all_runs[1::2])


def test_a_difference_would_be_counted() -> None:
    (rows,) = judgements(runs(1, factor=1.3), NULLS[0], DESIGN)
    assert {row.verdict for row in rows} == {ChangeVerdict.WORSE} <= NULLS[0].false


def test_at_its_limit_a_candidate_is_larger_by_all_that_does_not_matter() -> None:
    (rows,) = judgements(runs(1), NULLS[2], DESIGN)
    assert all(row.change is not None and abs(row.change - 0.05) < 1e-3 for row in rows)
    assert ChangeVerdict.SAME in NULLS[2].false
