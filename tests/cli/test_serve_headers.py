"""Targets in headers, from ``replay`` over HTTP to the scheduler of an engine that is served."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path

import pytest

from slaibench.backends.table import ENGINES
from slaibench.spec import Device
from tests.backends.needed import needed
from tests.cli.command import slaibench
from tests.cli.test_serve import LIMIT_S, start

NOTING = '''
import os

from slaibench.schedulers.sarathi import Sarathi

class Noting(Sarathi):
    """Writes down what each request says of itself."""

    def schedule(self, view):
        with open(os.environ["NOTES"], "a") as notes:
            for request in view.waiting:
                said = request.tbt_slo_s, request.ttft_slo_s, request.tenant
                print(*said, sep=",", file=notes)
        return super().schedule(view)
'''
TIERS = "chat:0.5:0.05:0.3,batch:0.5:0.2:5"


@pytest.mark.parametrize("backend", ["vllm", "sglang"])
def test_a_scheduler_knows_what_headers_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    needed(ENGINES[backend], Device.EMULATED)
    notes, file = tmp_path / "notes", tmp_path / "noting.py"
    file.write_text(NOTING)
    notes.touch()
    monkeypatch.setenv("NOTES", str(notes))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--backend", backend, "--gpu", "h100", "--scheduler", f"{file}:Noting")
    with start(tmp_path, *options, "--port", str(port), "--api-key", "secret") as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            assert url, (tmp_path / "stderr").read_text(encoding="utf-8")[-3000:]
            monkeypatch.setenv("OPENAI_API_KEY", "secret")
            load = f"--workload fixed:prompt=50,output=3 --rates 5 --requests 20 --tiers {TIERS}"
            how = "--target-headers inference-perf --metrics-url none --no-report"
            results = ("--results", str(tmp_path / "results"))
            ran = slaibench("replay", "--url", url, *load.split(), *how.split(), *results)
            assert ran.status == 0, ran.err
            said = set(notes.read_text().split())
            assert said == {"0.05,0.3,", "0.2,5.0,"}
            notes.write_text("")
            both = {"x-llm-d-inference-fairness-id": "acme", "X-SLO-TTFT-MS": "70"}
            assert post(port, both) == 200
            assert set(notes.read_text().split()) == {"0.5,0.07,acme"}
        finally:
            process.kill()


def post(port: int, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    body = {"model": "mistral-7b", "prompt": [5, 6, 7], "max_tokens": 2}
    always = {"Content-Type": "application/json", "Authorization": "Bearer secret"}
    try:
        connection.request("POST", "/v1/completions", json.dumps(body), always | headers)
        return connection.getresponse().status
    finally:
        connection.close()
