"""One real study of bounds for all tests of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.studies.bound.result import BoundResult
from slaibench.studies.bound.study import plan, run
from tests.studies.bound.specs import small


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bound")


@pytest.fixture(scope="session")
def result(results: Path) -> BoundResult:
    return run(plan(small(), results, jobs=1))
