"""What several runs say together follows the convention."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import gmean

from slaibench.studies.replicates import measured_ttft
from slaibench.studies.run_summary import RunSummary
from tests.studies.studies import loaded, study, sweep


def test_under_the_papers_conventions_a_percentile_is_the_mean_of_the_replicates_own(
    tmp_path: Path,
) -> None:
    spec = study(
        schedulers=("sarathi",), rates=(15.0,), num_requests=200, num_seeds=3, convention="paper"
    )
    swept = sweep(spec, tmp_path, jobs=1)
    own = [cell.summary.metrics.overall.ttft.percentile(0.99).value for cell in swept.cells]
    estimate = swept.points[0].ttft_s["p99"]  # of however few requests
    assert estimate.value == pytest.approx(float(gmean(own)))
    assert estimate.n == 600


def test_under_the_papers_conventions_only_finished_requests_count(tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "schedulers": ("sarathi",),
        "rates": (60.0,),
        "num_requests": 1000,
    }
    summaries: dict[str, RunSummary] = {}
    for convention in ("strict", "paper"):
        spec = study(**fields, convention=convention, duration_s=10.0)
        summaries[convention] = loaded(sweep(spec, tmp_path, jobs=1).cells)[0].summary
    assert math.inf in measured_ttft(summaries["strict"])
    paper = measured_ttft(summaries["paper"])
    assert np.isfinite(paper).all()
    assert len(paper) > 100
    assert summaries["paper"].metrics.window_s[0] == 0
