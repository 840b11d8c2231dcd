"""A study is refused before it runs, or runs the same requests for everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slaibench.schedulers.base import SchedulerError
from slaibench.studies.prepared import prepare
from slaibench.studies.systems.profiled import known_errors
from tests.studies.studies import BROKEN_LATE, study


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schedulers": ("sarath",)}, "unknown scheduler 'sarath': did you mean 'sarathi'"),
        ({"schedulers": ("slai:ofset=5",)}, "no option 'ofset': did you mean 'offset'"),
        ({"model": "mistral"}, "model 'mistral': did you mean 'mistral-7b'"),
        ({"gpu": "h10"}, "unknown GPU 'h10': did you mean 'h100'"),
        ({"workload": "sharegpt"}, "unknown workload 'sharegpt'; did you mean 'sharegpt4'"),
        ({"arrivals": "poison"}, "unknown arrival process 'poison'; did you mean 'poisson'"),
        ({"backend": "vlm"}, "unknown backend 'vlm': did you mean 'vllm'"),
        ({"tiers": "gold:0.5:0.1"}, "must add up to 1, not 0.5"),
        ({"profile": "/nowhere/mine.json"}, "cannot read /nowhere/mine.json"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(study(**fields))


def test_requests_beyond_the_models_context_are_refused_with_the_way_out() -> None:
    longer = study(workload="fixed:prompt=32768,output=1")
    with pytest.raises(ValueError, match=r"context of mistral-7b holds 32768.*--max-total-tokens"):
        prepare(longer)
    prepare(study(workload="fixed:prompt=32767,output=1"))


def test_requests_beyond_the_whole_kv_cache_are_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"KV cache \(10 blocks\) holds 160; .*tokens 160"):
        prepare(study(kv_blocks=10))
    # What just fits is served, watermark or not.
    prepared = prepare(study(kv_blocks=10, workload="fixed:prompt=150,output=10"))
    done = prepared.run(prepared.cells()[0]).requests.finished
    assert done.all()


def test_longer_requests_are_left_out_when_asked() -> None:
    prepared = prepare(study(kv_blocks=70, max_total_tokens=1000))
    (cell, *_) = prepared.cells()
    sizes = [request.prompt_tokens + request.output_tokens for request in prepared.requests(cell)]
    assert len(sizes) == 60
    assert max(sizes) <= 1000


def test_cells_come_rate_by_rate_with_every_scheduler_at_each() -> None:
    prepared = prepare(study(schedulers=("sarathi", "slai"), rates=(1.0, 2.0), num_seeds=2))
    order = [(cell.rate_rps, cell.seed, cell.scheduler) for cell in prepared.cells()]
    assert order == [
        (rate, seed, name) for rate in (1, 2) for seed in (0, 1) for name in ("sarathi", "slai")
    ]


def test_every_scheduler_sees_the_same_requests() -> None:
    prepared = prepare(study(schedulers=("sarathi", "slai", "rad"), num_seeds=2))
    by_seed: dict[int, list[Any]] = {}
    for cell in prepared.cells():
        by_seed.setdefault(cell.seed, []).append(prepared.requests(cell))
    for same in by_seed.values():
        assert same[0] == same[1] == same[2]
    assert by_seed[0][0] != by_seed[1][0]


def test_another_rate_scales_the_same_gaps_and_changes_nothing_else() -> None:
    prepared = prepare(study(schedulers=("sarathi",), rates=(2.0, 5.0)))
    slow, fast = (prepared.requests(cell) for cell in prepared.cells())
    due = np.array([[request.due_s for request in requests] for requests in (slow, fast)])
    np.testing.assert_allclose(due[0] * 2.0, due[1] * 5.0, rtol=1e-12)
    sizes = [
        [(request.prompt_tokens, request.output_tokens, request.tier) for request in requests]
        for requests in (slow, fast)
    ]
    assert sizes[0] == sizes[1]


def test_arrivals_that_take_no_rate_are_not_swept_over_rates() -> None:
    for arrivals in ("burst", "trace:scale=2"):
        with pytest.raises(ValueError, match=f"{arrivals}.* do not depend on a rate: 2 rates"):
            prepare(study(arrivals=arrivals, rates=(1.0, 2.0)))
    (cell,) = prepare(study(arrivals="burst", schedulers=("slai",))).cells()
    assert cell.arrivals == "burst"


def test_a_trace_gives_no_more_requests_than_it_has(tmp_path: Path) -> None:
    rows = "".join(f"{second},{100 + second},20\n" for second in range(50))
    (tmp_path / "t.csv").write_text("arrival_s,prompt_tokens,output_tokens\n" + rows)
    trace = {"workload": str(tmp_path / "t.csv"), "arrivals": "trace", "schedulers": ("slai",)}
    prepared = prepare(study(**trace, num_requests=None))
    assert len(prepared.requests(prepared.cells()[0])) == 50
    few = prepare(study(**trace, num_requests=20))
    assert len(few.requests(few.cells()[0])) == 20
    short = prepare(study(**trace, num_requests=None, max_total_tokens=140))
    assert [r.prompt_tokens for r in short.requests(short.cells()[0])] == list(range(100, 121))


def test_a_scheduler_that_breaks_its_contract_names_cell_and_invariant(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(BROKEN_LATE.replace("AFTER_S", "3"))
    prepared = prepare(study(schedulers=(f"{tmp_path}/late.py:Late",)))
    with pytest.raises(SchedulerError, match=r"late.py:Late at 5 requests/s, seed 0: invariant 5"):
        prepared.run(prepared.cells()[0])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError('boom')", r"KeyError: 'boom' \(mine.py, line 4\)"),
        ("return None", "AttributeError: 'NoneType'"),
        ("return self.schedule(view)", "RecursionError"),
    ],
)
def test_a_scheduler_that_fails_by_itself_names_cell_and_place(
    tmp_path: Path, body: str, message: str
) -> None:
    (tmp_path / "mine.py").write_text(
        "from slaibench.schedulers.base import Scheduler\nclass Mine(Scheduler):\n"
        f"    def schedule(self, view):\n        {body}\n"
    )
    prepared = prepare(study(schedulers=(f"{tmp_path}/mine.py:Mine",)))
    with pytest.raises(SchedulerError, match=f"mine.py:Mine at 5 requests/s, seed 0: {message}"):
        prepared.run(prepared.cells()[0])


def test_a_scheduler_edited_while_the_study_runs_is_not_recorded_as_what_it_was(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.py"
    text = "from slaibench.schedulers.sarathi import Sarathi\nclass Mine(Sarathi):\n    pass\n"
    file.write_text(text)
    prepared = prepare(study(schedulers=(f"{file}:Mine",)))
    prepared.run(prepared.cells()[0])
    file.write_text(text + "EDITED = True\n")
    with pytest.raises(SchedulerError, match="code changed while the study ran"):
        prepared.run(prepared.cells()[0])
    file.write_text("import nothing_of_that_name\n")
    with pytest.raises(SchedulerError, match="fails on import"):
        prepared.run(prepared.cells()[0])


def test_a_recording_says_what_it_ran_with() -> None:
    prepared = prepare(study(schedulers=("slai:offset=fixed:10",)))
    run = prepared.run(prepared.cells()[0]).run
    assert run["scheduler"] == {
        "name": "slai",
        "options": {**prepared.cells()[0].scheduler_options, "offset": "fixed:10"},
    }
    assert run["spec"] == prepared.cells()[0].spec()
    assert run["kv_blocks"] == prepared.cells()[0].kv_blocks
    assert run["convention"] == "strict"
    assert run["profile"]["fingerprint"] == prepared.cells()[0].profile_fingerprint


def test_known_errors_are_the_means_unless_there_are_none() -> None:
    assert known_errors({"a_mean": 0.05, "a_max": 0.5}) == "a 5.0%"
    assert known_errors({"p95": 0.08}) == "p95 8.0%"
    assert known_errors({}) == "not known"
