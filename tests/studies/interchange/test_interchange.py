"""Result files of other load generators: vllm_bench.json is real output of vLLM 0.32's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.studies import from_disk
from slaibench.studies.interchange import aiperf, vllm_bench
from slaibench.studies.interchange.foreign_run import CLOSED_LOOP, SENT_NOT_DUE, ForeignFileError
from slaibench.studies.interchange.imported import import_files, read
from slaibench.studies.systems.imported import Labels
from tests.studies.studies import study, sweep

REAL = Path(__file__).parent / "vllm_bench.json"


def result(**changes: Any) -> dict[str, Any]:
    return {**json.loads(REAL.read_text()), **changes}


def put(folder: Path, value: object, name: str = "result.json") -> Path:
    file = folder / name
    file.write_text(value if isinstance(value, str) else json.dumps(value))
    return file


def test_a_real_result_becomes_a_recording_with_its_own_numbers(tmp_path: Path) -> None:
    (folder,) = import_files([REAL], Labels("stock"), tmp_path)
    recording, theirs = store.read(folder), result()
    assert_allclose(recording.requests.ttft_s, theirs["ttfts"], atol=2e-6)
    assert recording.requests.prompt_tokens.tolist() == theirs["input_lens"]
    gaps = np.diff(recording.requests.token_times_s[: theirs["output_lens"][0]])
    assert_allclose(gaps, theirs["itls"][0], atol=2e-6)
    assert recording.run["spec"]["model"] == theirs["model_id"]
    assert SENT_NOT_DUE in recording.run["notes"]
    (cells,) = from_disk.group_cells([folder]).values()
    swept = from_disk.gather(cells)
    assert [(point.scheduler, point.rate_rps) for point in swept.points] == [("stock", 8.0)]


def test_a_file_that_is_there_already_is_no_other_replicate(tmp_path: Path) -> None:
    first = import_files([REAL], Labels("stock"), tmp_path)
    assert import_files([REAL], Labels("stock"), tmp_path) == first
    other = put(tmp_path, result(ttfts=[0.1] * 12))
    (second,) = import_files([other], Labels("stock"), tmp_path)
    seeds = [from_disk.read_cell(folder).seed for folder in (*first, second)]
    assert seeds == [0, 1]


def test_several_results_of_one_file_are_runs_of_their_own(tmp_path: Path) -> None:
    file = put(tmp_path, json.dumps(result()) + "\n" + json.dumps(result(request_rate=4.0)))
    assert [run.offered_rps for run in read(file)] == [8.0, 4.0]


def test_a_closed_loop_is_said_and_has_the_rate_that_was_sent(tmp_path: Path) -> None:
    times = {"start_times": [float(second) / 2 for second in range(12)]}
    file = put(tmp_path, result(request_rate="inf", max_concurrency=4, **times))
    (run,) = read(file)
    assert CLOSED_LOOP in run.notes
    assert run.offered_rps == 2.0


def test_tokens_that_came_together_have_no_times_of_their_own(tmp_path: Path) -> None:
    gaps = result()["itls"]
    file = put(tmp_path, result(itls=[gaps[0][:-1], *gaps[1:]]))
    (folder,) = import_files([file], Labels("stock"), tmp_path)
    table = store.read(folder).requests
    assert table.token_times_known.tolist() == [False] + [True] * 11
    assert table.num_tokens[0] == result()["output_lens"][0]


def test_a_request_that_failed_is_counted_as_failed(tmp_path: Path) -> None:
    file = put(tmp_path, result(errors=["Traceback\nTimeoutError", *[""] * 11]))
    (folder,) = import_files([file], Labels("stock"), tmp_path)
    table = store.read(folder).requests
    assert table.outcome.tolist().count("failed") == 1
    assert table.error.tolist()[0] == "TimeoutError"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "is no result file"),
        ([], "is no result file"),
        ("{", "is not JSON"),
        ("", "is no result file"),
        ({"request_throughput": 1, "completed": 2}, "is a summary"),
        ({**result(), "ttfts": [1]}, "lists of one length"),
        ({**result(), "ttfts": ["x"] * 12}, "must be a number, not 'x'"),
        ({**result(), "itls": [[-1.0]] * 12}, "at least 0, not -1.0"),
        ({k: v for k, v in result().items() if k != "start_times"}, "lacks start_times"),
        ({"request_latency": {"avg": 1}}, "is a summary"),
        ({"metadata": {}, "metrics": {}}, "request_start_ns must be a number"),
        (
            {"metadata": {"request_start_ns": 1}, "metrics": {"request_latency": {"value": 1}}},
            "not streamed",
        ),
    ],
)
def test_what_cannot_be_used_says_why_and_imports_nothing(
    value: object, message: str, tmp_path: Path
) -> None:
    file = put(tmp_path, value)
    with pytest.raises(ForeignFileError, match=message):
        import_files([REAL, file], Labels("stock"), tmp_path / "results")
    assert not (tmp_path / "results").exists()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    swept = sweep(study(schedulers=("sarathi",)), tmp_path_factory.mktemp("results"), jobs=1)
    (folder,) = (cell.folder for cell in swept.cells if cell.cell.overload is None)
    return store.read(folder)


def test_an_exported_result_comes_back_the_same(recording: Recording, tmp_path: Path) -> None:
    bench = put(tmp_path, vllm_bench.written(recording))
    records = put(tmp_path, aiperf.written(recording), "profile_export.jsonl")
    for file in (bench, records):
        (folder,) = import_files([file], Labels("sarathi"), tmp_path)
        table = store.read(folder).requests
        assert_allclose(table.ttft_s, recording.requests.ttft_s, atol=2e-6)
        moved = table.token_times_s - recording.requests.token_times_s
        assert_allclose(moved, moved[0], atol=3e-6)
        assert table.prompt_tokens.tolist() == recording.requests.prompt_tokens.tolist()


def test_due_times_go_to_aiperf_and_come_back(tmp_path: Path, recording: Recording) -> None:
    file = put(tmp_path, aiperf.written(recording), "profile_export.jsonl")
    (run,) = read(file)
    assert all(request.due_s is not None for request in run.requests)
    assert SENT_NOT_DUE not in run.notes


def test_written_statistics_are_those_that_vllm_wrote(tmp_path: Path) -> None:
    theirs = result()
    ttfts = np.array(theirs["ttfts"]) * 1000
    (folder,) = import_files([REAL], Labels("stock"), tmp_path)
    ours = vllm_bench.written(store.read(folder))
    tpots = [1000 * sum(gaps) / len(gaps) for gaps in theirs["itls"]]
    pooled = 1000 * np.concatenate(theirs["itls"])
    assert ours["p99_ttft_ms"] == pytest.approx(np.percentile(ttfts, 99), abs=0.005)
    assert ours["mean_tpot_ms"] == pytest.approx(np.mean(tpots), abs=0.005)
    assert ours["std_itl_ms"] == pytest.approx(np.std(pooled), abs=0.005)
    assert ours["completed"] == 12


def test_a_closed_loop_is_exported_as_one(recording: Recording, tmp_path: Path) -> None:
    spec = {**recording.run["spec"], "rate_rps": None, "concurrency": 8}
    ours = vllm_bench.written(replace(recording, run={**recording.run, "spec": spec}))
    assert (ours["request_rate"], ours["max_concurrency"]) == ("inf", 8)
    (run,) = read(put(tmp_path, ours))
    assert CLOSED_LOOP in run.notes
