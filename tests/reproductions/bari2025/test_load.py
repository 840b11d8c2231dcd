"""What the runs were given, read off the runs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import slaibench
from slaibench.measure.slo import parse_slos
from slaibench.reproductions.bari2025.figures import Mix
from slaibench.reproductions.bari2025.load import GIVEN, given_to
from slaibench.reproductions.bari2025.numbers import given_numbers
from slaibench.reproductions.bari2025.published import bari2025
from slaibench.reproductions.bari2025.verdict import ClaimVerdict
from slaibench.studies.run_summary import RunSummarizer
from tests.reproductions.bari2025.small import SmallPaper

NO_WORK = "fixed:prompt=16,output=1"


def of(recording: slaibench.Recording) -> dict[str, float | None]:
    summarize = RunSummarizer.for_study("paper", parse_slos("ttft_p50<0.5"))
    return given_to(recording, summarize(recording).audit)


def test_cut_gaps_raise_the_rate_and_even_it_out() -> None:
    """Known in closed form: E min(x, 3) = 1 - exp(-3) for x exponential."""
    long = slaibench.run(
        "sarathi", rate=20.0, workload=NO_WORK, num_requests=20_000, convention="paper"
    )
    values = of(long)
    assert values["rate-over-nominal"] == pytest.approx(1 / (1 - math.exp(-3)), rel=0.02)
    assert values["gap-cv"] == pytest.approx(0.88, abs=0.01)


def test_lengths_are_those_of_the_requests() -> None:
    recording = slaibench.run("sarathi", rate=5.0, workload="uniform:prompt=10-90,output=2-9")
    values, requests = of(recording), recording.requests
    assert values["prompt-mean"] == requests.prompt_tokens.mean()
    assert values["output-p90"] == np.quantile(requests.output_tokens, 0.9)
    assert values["kv-blocks"] == recording.run["kv_blocks"]


def test_a_run_without_requests_tells_the_memory_alone() -> None:
    empty = slaibench.run("sarathi", rate=0.01, duration_s=0.001, workload=NO_WORK)
    values = of(empty)
    assert set(values) == set(GIVEN)
    assert [name for name, value in values.items() if value is not None] == ["kv-blocks"]


def test_other_lengths_than_the_papers_are_reported(small_paper: SmallPaper) -> None:
    loads = small_paper.result.loads[Mix.FEW]
    claims = {claim.name: claim for claim in given_numbers(bari2025(), loads)}
    assert claims["output-mean"].paper.verdict is ClaimVerdict.DISAGREES
    assert claims["kv-blocks"].paper.verdict is ClaimVerdict.AGREES
    assert claims["gap-cv"].strict is None
    assert small_paper.result.papers_lengths is False
    assert not any(claim.published and claim.published.telling for claim in claims.values())


def test_the_published_trace_has_the_published_lengths(data_dir: Path) -> None:
    trace = data_dir / "traces" / "sharegpt4_8k_lengths.csv"
    columns = np.loadtxt(trace, delimiter=",", skiprows=1, unpack=True)
    for what, column in zip(("prompt", "output"), columns, strict=True):
        printed = [bari2025().value(f"{what}-{key}").value for key in ("p50", "p90", "mean")]
        measured = [np.median(column), np.quantile(column, 0.9), column.mean()]
        assert measured == pytest.approx(printed, abs=0.5)


def test_every_given_value_is_a_published_one() -> None:
    assert {name for name, value in bari2025().values.items() if value.given} == set(GIVEN)
