"""Published runs replayed where the library that they come with is installed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slaibench.catalog.fields import CatalogError
from slaibench.catalog.host import host_times
from slaibench.operators.aiconfigurator import installed_version
from slaibench.studies.board import study
from slaibench.studies.board.rows import Half
from slaibench.studies.board.study import BoardPlan, BoardSpec

SPEC = BoardSpec(gpu="h200", model="Qwen/Qwen3-235B-A22B-FP8", engine="sglang", jobs=1)


def small(spec: BoardSpec = SPEC) -> BoardPlan:
    """Two rows of each configuration: real ones, and seconds."""
    plan = study.plan(spec)
    few = tuple((key, rows[:2]) for key, rows in plan.configurations)
    return replace(plan, configurations=few)


@pytest.fixture(autouse=True)
def library(tmp_path, monkeypatch) -> None:
    pytest.importorskip("aiconfigurator_core", reason="needs the extra 'profiles'")
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path))


def test_a_row_is_predicted_by_three_ways():
    seen = []
    board = study.run(small(), lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
    assert len(board.scores) == 4
    for score in board.scores:
        assert score.library is not None
        assert score.roofline is not None
        # A roofline is a lower bound, and nothing that runs is ten times as slow as predicted.
        assert score.roofline.tpot_ms < score.ours.tpot_ms
        assert 0.1 < score.ours.tpot_ms / score.row.tpot_ms < 10


def test_a_host_time_is_fitted_to_the_fitted_half_alone():
    plan = small()
    assert {key.half for key, _ in plan.configurations} == set(Half)
    time, *others = study.fit(plan)
    assert others == [kept for kept in host_times() if kept.source]
    assert (time.engine, time.rows, time.configurations) == ("sglang", 2, 1)


def test_the_same_plan_gives_the_same_board():
    plan = small()
    assert study.run(plan) == study.run(plan)


def test_what_cannot_be_compiled_is_counted():
    plan = small(BoardSpec(gpu="b300", model="Qwen3.5-397B-A17B", jobs=1))
    board = study.run(plan)
    assert board.scores == ()
    assert board.left_out["rows without a profile: qwen3.5-397b-a17b under sglang"] > 0


def test_what_nobody_published_is_named_with_what_was():
    with pytest.raises(ValueError, match="--engine trtllm; there are runs of --engine: sglang"):
        study.plan(BoardSpec(engine="trtllm"))
    assert installed_version() is not None
    with pytest.raises((ValueError, CatalogError), match="h20"):
        study.plan(BoardSpec(gpu="h20"))
