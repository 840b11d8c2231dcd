"""One real comparison for all tests of what a terminal shows of it."""

from __future__ import annotations

import pytest

from slaibench.studies.compare import CompareResult
from tests.studies.studies import compare, study


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> CompareResult:
    names = ("sarathi:token_budget=128", "sarathi")
    # A median is sure after fewer requests than a tail is.
    slo = "ttft_p50<0.2"
    spec = study(schedulers=names, rates=(3.0, 60.0), num_requests=700, num_seeds=2, slo=slo)
    return compare(spec, tmp_path_factory.mktemp("compared"), jobs=1)
