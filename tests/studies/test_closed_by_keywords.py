"""Closed loops as a function: what it takes, and what it gives back."""

from __future__ import annotations

from pathlib import Path

import pytest

import slaibench
from tests.studies.studies import WORKLOAD


@pytest.mark.parametrize("concurrency", [4, "4", [4]])
def test_a_function_gives_a_result_that_shows_itself(
    tmp_path: Path, concurrency: int | str | list[int]
) -> None:
    loops = slaibench.closed_loop(
        "sarathi", concurrency, results=tmp_path, workload=WORKLOAD, num_requests=60, num_seeds=1
    )
    assert [(p.scheduler, p.concurrency) for p in loops.points] == [("sarathi", 4)]
    assert repr(loops) == "<ClosedResult: sarathi with 4 clients>"
    html = loops._repr_html_()
    assert html is not None
    assert "A closed loop cannot tell what load a server carries" in html


def test_a_sweep_says_where_closed_loops_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"slaibench\.closed_loop in Python"):
        slaibench.sweep("slai", (), results=tmp_path, concurrency=(8,))  # type: ignore[call-arg]


def test_a_server_is_no_engine_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not say which model it serves"):
        slaibench.closed_loop("theirs", 8, results=tmp_path, url="http://127.0.0.1:9")
