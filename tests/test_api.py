"""The Python interface: the command line's studies, as values and as frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slaibench
from slaibench.recording import store
from slaibench.report.verify import verify
from slaibench.schedulers.base import SchedulerError
from tests.client.serving import serve
from tests.studies.studies import BROKEN_LATE, WORKLOAD

SMALL: dict[str, Any] = {"workload": WORKLOAD, "num_requests": 60}


@pytest.fixture(scope="module")
def recording() -> slaibench.Recording:
    return slaibench.run("slai", rate=5.0, **SMALL)


def test_one_cell_runs_without_a_folder(
    recording: slaibench.Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    again = slaibench.run("slai", rate=5.0, **SMALL)
    assert list(tmp_path.iterdir()) == []
    assert again.path is None
    assert again.run == recording.run
    np.testing.assert_array_equal(again.requests.token_times_s, recording.requests.token_times_s)
    other = slaibench.run("slai", rate=5.0, seed=1, **SMALL)
    assert other.run["spec"]["seed"] == 1
    assert not np.array_equal(other.requests.due_s, recording.requests.due_s)


def test_requests_come_as_a_frame_with_their_token_times(recording: slaibench.Recording) -> None:
    frame = slaibench.requests_frame(recording)
    table = recording.requests
    assert len(frame) == 60
    assert set(frame.columns) >= {
        *("request_id", "due_s", "prompt_tokens", "output_tokens", "tier", "outcome"),
        *("ttft_s", "last_token_s", "token_times_s"),
    }
    for row, times in enumerate(frame["token_times_s"]):
        assert len(times) == table.num_tokens[row] == frame["output_tokens"][row]
        assert times[0] == table.first_token_s[row]
        assert frame["ttft_s"][row] == times[0] - frame["due_s"][row]


def test_a_recording_without_requests_is_an_empty_frame() -> None:
    empty = slaibench.run("slai", rate=0.01, duration_s=0.001, workload=WORKLOAD)
    assert len(empty.requests) == 0
    assert len(slaibench.requests_frame(empty)) == 0
    assert len(slaibench.steps_frame(empty)) == 0


def test_steps_come_as_a_frame(recording: slaibench.Recording) -> None:
    frame = slaibench.steps_frame(recording)
    assert len(frame) == len(recording.steps)
    assert (frame["end_s"] > frame["start_s"]).all()
    assert frame["decodes"].sum() + 60 == recording.requests.num_tokens.sum()


@pytest.mark.parametrize(
    ("rates", "expected"),
    [("5,10", (5.0, 10.0)), (5, (5.0,)), ([10, 5.0], (5.0, 10.0)), (np.array([5.0]), (5.0,))],
)
def test_rates_may_be_text_or_numbers(tmp_path: Path, rates: Any, expected: Any) -> None:
    swept = slaibench.sweep("slai", rates, results=tmp_path, jobs=1, num_seeds=1, **SMALL)
    assert swept.spec.rates == expected
    assert swept.spec.schedulers == ("slai",)
    assert len(swept.frame()) == len(expected)


def test_a_sweep_is_the_command_lines(tmp_path: Path) -> None:
    from tests.cli.command import sweep  # noqa: PLC0415

    swept = slaibench.sweep(rates=5, results=tmp_path, jobs=1, num_seeds=1, **SMALL)
    ran = sweep(tmp_path, "--json")
    assert "0 cells run, 4 taken from disk" in ran.err  # one a scheduler under overload
    assert json.loads(ran.out)["points"] == swept.to_json()["points"]


def test_a_comparison_and_a_capacity_are_values(tmp_path: Path) -> None:
    small: dict[str, Any] = {
        "results": tmp_path,
        "jobs": 1,
        "workload": WORKLOAD,
        "num_requests": 300,
    }
    both = slaibench.compare("sarathi:token_budget=128", "sarathi", 10, num_seeds=2, **small)
    assert isinstance(both, slaibench.CompareResult)
    assert both.capacity_ratio.value is not None
    assert both.capacity_ratio.value > 1
    assert len(both.frame()) == 2  # both schedulers at one rate
    names = ["sarathi:token_budget=128", "sarathi", "slai"]
    three = slaibench.compare(names, rates=10, num_seeds=2, **small)
    assert three.schedulers == tuple(names)
    assert three.pairs[0].capacity_ratio == both.capacity_ratio
    with pytest.raises(ValueError, match="put a scheduler into the list, and give rates as"):
        slaibench.compare(names, "4:8", **small)
    with pytest.raises(ValueError, match="not of 'slai' alone"):
        slaibench.compare("slai", rates=10, **small)
    result = slaibench.capacity("sarathi", slo="ttft_p50<0.06", num_seeds=2, **small)
    assert isinstance(result, slaibench.CapacityResult)
    assert result.spec.slo == "ttft_p50<0.06"
    assert result.capacity.rate_rps is not None


def test_errors_are_the_studies_own(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'slai'"):
        slaibench.run("slay", rate=1.0)
    with pytest.raises(ValueError, match="positive number, not 0"):
        slaibench.run("slai", rate=0.0)
    with pytest.raises(ValueError, match="num_request"):
        slaibench.run("slai", rate=1.0, num_request=60)
    with pytest.raises(ValueError, match="60 requests are too few"):
        slaibench.capacity("slai", results=tmp_path, **SMALL)
    (tmp_path / "file").write_text("")
    with pytest.raises(store.RecordingError, match="cannot be written"):
        slaibench.sweep("slai", 1, results=tmp_path / "file", **SMALL)
    (tmp_path / "late.py").write_text(BROKEN_LATE.replace("AFTER_S", "1"))
    with pytest.raises(SchedulerError, match=r"late.py:Late at 5 requests/s, seed 0: invariant 5"):
        slaibench.run(f"{tmp_path}/late.py:Late", rate=5.0, **SMALL)


def test_backends_are_chosen_by_the_fields_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slaibench.studies.systems import table  # noqa: PLC0415
    from tests.studies.systems.others import RealTimeSystem  # noqa: PLC0415

    monkeypatch.setitem(table.SYSTEMS, "real", RealTimeSystem)
    monkeypatch.setattr(RealTimeSystem, "log", tmp_path / "log", raising=False)
    recording = slaibench.run("slai", rate=5.0, backend="real", **SMALL)
    assert recording.run["backend"] == {"name": "real", "device": None, "clock": "real"}
    assert (tmp_path / "log").read_text().split("\n")[-2] == "closed"
    frame = slaibench.requests_frame(recording)
    assert frame["ttft_s"].notna().all()
    assert len(slaibench.steps_frame(recording)) == 0
    with pytest.raises(ValueError, match="leave --gpu out"):
        slaibench.sweep("slai", 5, backend="vllm", device="cpu", gpu="h100", results=tmp_path)
    with pytest.raises(ValueError, match="'emulated', 'cpu' or 'cuda'"):
        slaibench.sweep("slai", 5, backend="vllm", device="tpu", results=tmp_path)


def test_a_capacity_is_of_a_scheduler_or_of_a_server(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9"
    call: Any = slaibench.capacity
    with pytest.raises(ValueError, match=r"name a scheduler, as capacity\('slai'\)"):
        call(results=tmp_path)
    with pytest.raises(ValueError, match="has a scheduler of its own"):
        call("slai", url=url, results=tmp_path)
    with pytest.raises(ValueError, match="leave scheduler, jobs and num_seeds out"):
        call(url=url, num_seeds=3, results=tmp_path)
    with pytest.raises(ValueError, match=r"--minutes 0\.1"):
        call(url=url, minutes=0.1, results=tmp_path)
    with pytest.raises(ValueError, match="--minutes and --max-rate go with the capacity of a serv"):
        call("slai", minutes=3.0, results=tmp_path)


def test_a_server_s_capacity_is_a_value_that_shows_itself(tmp_path: Path) -> None:
    async def fails(received: Any, answer: Any) -> None:
        answer.whole(500, "sorry", "text/plain")

    with serve({"/v1/completions": fails}) as server:
        result = slaibench.capacity(
            url=server.url,
            model="m",
            minutes=1.0,
            max_rate_rps=8.0,
            workload="uniform:prompt=4-9,output=2-3",
            slo="ttft_p50<0.5",
            results=tmp_path / "results",
        )
    assert result.ended.value == "failures"
    assert (result.spec.minutes, result.spec.max_rate_rps) == (1.0, 8.0)
    assert "no rate is known to keep ttft_p50<0.5" in repr(result)
    assert verify(result.report(tmp_path / "reports")).ok
