"""Where the requests of a study come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slaibench.studies.prepared import prepare
from tests.studies.studies import study


def test_prompts_may_be_what_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path))
    said = [{"from": "human", "value": "Hello."}, {"from": "gpt", "value": "Good morning."}]
    file = tmp_path / "said.json"
    file.write_text(json.dumps([{"conversations": said}]))
    prepared = prepare(
        study(
            backend="endpoint",
            url="http://127.0.0.1:9",
            model="m",
            schedulers=("theirs",),
            rates=(1.0,),
            prompts="conversation",
            workload=f"conversations:{file}",
        )
    )
    requests = prepared.requests(prepared.cells()[0])
    assert {request.transcript and request.transcript.text for request in requests} == {"Hello.\n"}
