"""What a few seconds show: how long requests stay, whether tokens come as fast as asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.spec import StudySpec
from slaibench.studies import paced
from slaibench.studies.executors import CellResult
from slaibench.studies.lifecycle import collect, quiet
from slaibench.studies.pace import LEAST_SERVED, Pace
from slaibench.studies.signs import signs_of
from tests.studies.studies import H100

CAPACITY_RPS = 6.9
"""Of sarathi on that profile with ShareGPT4's statistical model."""


def short_run(results: Path, rate_rps: float, length_s: float) -> CellResult:
    spec = StudySpec(schedulers=("sarathi",), workload="sharegpt4-model", profile=str(H100))
    plan = paced.plan(spec, results, Pace())
    count = int(2 * rate_rps * length_s)
    cell = plan.prepared.cell("sarathi", rate_rps, 0, count)
    cell = cell.model_copy(update={"horizon_s": length_s, "early_stop": False})
    with plan.open() as executor:
        (result,) = collect(executor, [cell], quiet)
    return result


def test_a_server_that_is_full_serves_what_it_carries_and_not_what_is_asked(tmp_path: Path) -> None:
    above, below = (short_run(tmp_path, share * CAPACITY_RPS, 25.0) for share in (2.5, 0.8))
    assert not above.summary.saturated  # nobody waits yet: only the tokens tell
    assert not signs_of(above).keeps_up
    served_rps = above.cell.rate_rps * signs_of(above).served_share
    assert served_rps == pytest.approx(CAPACITY_RPS, rel=0.25)
    assert signs_of(below).keeps_up
    assert signs_of(below).served_share > LEAST_SERVED


def test_the_stay_counts_tokens_that_have_not_come_yet(tmp_path: Path) -> None:
    short, long = (signs_of(short_run(tmp_path, 2.0, length_s)) for length_s in (8.0, 80.0))
    assert short.mean_stay_s == pytest.approx(long.mean_stay_s, rel=0.4)
    assert long.mean_inside == pytest.approx(2.0 * long.mean_stay_s, rel=0.3)
