"""A log as an observed run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slaibench.studies.validation.columns import LogError
from slaibench.studies.validation.log import LogFile
from slaibench.studies.validation.observed import ObservedRun
from tests.studies.validation.test_meta import META

ROW = {"arrival": 5.0, "prompt_tokens": 10, "output_tokens": 5, "first_token": 6, "last_token": 8}


def read(folder: Path, *rows: dict[str, Any], **options: Any) -> ObservedRun:
    (folder / "meta.json").write_text(json.dumps(META))
    path = folder / "requests.jsonl"
    path.write_text("".join(json.dumps({**ROW, **row}) + "\n" for row in rows))
    return LogFile(path, **options).read()


def test_requests_come_by_arrival_from_zero_on(tmp_path: Path) -> None:
    run = read(tmp_path, {"arrival": 5.5, "prompt_tokens": 7}, {"arrival": 4.0}, {"arrival": 5.0})
    assert [request.due_s for request in run.requests] == [0.0, 1.0, 1.5]
    assert [request.prompt_tokens for request in run.requests] == [10, 10, 7]
    assert [request.request_id for request in run.requests] == [0, 1, 2]
    assert run.first_token_s.tolist() == [2.0, 2.0, 2.0]
    assert run.latencies.ttft.tolist() == [2.0, 1.0, 0.5]
    assert run.latencies.e2e.tolist() == [4.0, 3.0, 2.5]
    assert run.latencies.tpot.tolist() == [0.5, 0.5, 0.5]
    assert run.measured
    assert run.notes == ()
    assert run.name == f"{tmp_path.name}/requests.jsonl"
    assert run.load == "3 requests in 2 s"


def test_a_request_of_one_token_has_no_tpot(tmp_path: Path) -> None:
    run = read(tmp_path, {"output_tokens": 1, "last_token": 6})
    assert np.isnan(run.latencies.tpot).all()
    assert run.latencies.e2e.tolist() == [1.0]


def test_who_was_not_served_to_the_end_is_a_load_and_no_sample(tmp_path: Path) -> None:
    run = read(tmp_path, {}, {"last_token": None}, {"first_token": None, "last_token": None})
    assert len(run.requests) == 3
    assert np.isfinite(run.latencies.ttft).tolist() == [True, False, False]


def test_arrivals_of_another_clock_are_moved_by_the_quickest_hand_over(tmp_path: Path) -> None:
    wall = 1.7e9
    run = read(
        tmp_path,
        {"arrival": wall, "queued_ts": 5.030},
        {"arrival": wall + 1, "queued_ts": 6.010, "first_token": 7, "last_token": 9},
        {"arrival": wall + 2, "queued_ts": 7.050, "first_token": 8, "last_token": 10},
    )
    assert [request.due_s for request in run.requests] == [0.0, 1.0, 2.0]
    # 5.010 on the tokens' clock is the first arrival: the second hand-over took no time.
    assert run.latencies.ttft == pytest.approx([0.99, 0.99, 0.99], abs=1e-6)
    assert "median 20 ms, largest 40 ms" in run.notes[0]


def test_times_before_zero_are_times(tmp_path: Path) -> None:
    run = read(tmp_path, {"arrival": -3.0, "first_token": -2.0, "last_token": 0.0})
    assert run.latencies.ttft.tolist() == [1.0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{}, {"first_token": 4.0}], "request 2 arrives at 5.000000, has its first token at 4.0"),
        ([{}, {"first_token": 5.0}], "which is no order of events: leave it out"),
        ([{}, {"last_token": 5.5}], "its last at 5.500000 s, which is no order of events"),
        ([{}, {"last_token": 1e6}], "which is no order of events"),
        ([{}, {"arrival": None}], "request 2 has no arrival time"),
        ([{}, {"arrival": float("inf")}], "request 2 has no arrival time"),
        ([{"prompt_tokens": 0}], "request 1 has 0 prompt tokens, which must be a whole number"),
        ([{"prompt_tokens": -4}], "request 1 has -4 prompt tokens"),
        ([{"output_tokens": 2.5}], "request 1 has 2.5 output tokens"),
        ([{"output_tokens": None}], "request 1 has nan output tokens"),
        ([{"prompt_tokens": 1e300}], r"request 1 has 1e\+300 prompt tokens"),
        ([{"first_token": None}], "no request of .* has a first and a last token"),
        ([{"arrival": 1.7e9}], "on different clocks .*add one on the tokens' clock"),
        (
            [{"arrival": 1.7e9, "queued_ts": 5.5}, {"arrival": 1.7e9, "queued_ts": None}],
            "request 2 has no queued time",
        ),
    ],
)
def test_what_cannot_have_been_is_named(
    tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(LogError, match=message):
        read(tmp_path, *rows)


def test_a_meta_file_and_a_cache_may_be_named(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**META, "vllm_version": "0.13.0"}))
    run = read(tmp_path, {}, meta=other, kv_blocks=50)
    assert (run.settings.engine, run.settings.kv_blocks) == ("vLLM 0.13.0", 50)
