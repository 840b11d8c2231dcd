"""Client processes: one schedule, no orphan, no hang."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from slaibench.client.load import run_load
from slaibench.client.prompts import TokenIdPrompts
from slaibench.client.sizing import ClientError
from slaibench.client.target import Target
from slaibench.recording.record import FloatArray
from slaibench.workloads.request import Request
from tests.client.behaviours import BEHAVIOURS
from tests.client.serving import by_tier, serve

PROMPTS = TokenIdPrompts(1000)
ROOT = Path(__file__).parents[2]
PARENT = """
import multiprocessing, sys
from slaibench.client.load import run_load
from slaibench.client.prompts import TokenIdPrompts
from slaibench.client.target import Target
from slaibench.workloads.request import Request

def look(now_s, due_s, left_s):
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)

if __name__ == "__main__":
    requests = [Request(i, 0.0, 3, 2) for i in range(4)]
    target = Target(sys.argv[1], "m", extra_body={"behave": "never"})
    run_load(target, requests, TokenIdPrompts(9), processes=2, look=look, look_every_s=0.1)
"""


def test_processes_share_one_schedule() -> None:
    requests = [Request(i, i * 0.003, 3 + i % 5, 1 + i % 3) for i in range(60)]
    seen = []
    for processes in (1, 3):
        with serve() as server:
            result = run_load(
                Target(server.url, "m"), requests, PROMPTS, seed=4, processes=processes
            )
            assert result.facts.processes == processes
            assert result.requests.finished.all()
            assert result.requests.due_s.tolist() == [request.due_s for request in requests]
            bodies = {
                received.headers["X-Request-Id"]: received.body for received in server.received
            }
            assert len(bodies) == len(server.received) == 60
            seen.append(bodies)
    assert seen[0] == seen[1]


@dataclass(frozen=True)
class LargePrompts:
    """Of which this machine's memory holds none."""

    def prompt(self, request: Request, seed: int) -> str:
        raise MemoryError


def test_prompts_that_do_not_fit_the_memory_are_reported_with_the_way_out() -> None:
    with pytest.raises(ClientError, match=r"do not fit this machine's memory.*--max-total-tokens"):
        run_load(Target("http://127.0.0.1:9", "m"), [Request(0, 0.0, 3, 2)], LargePrompts())


def test_a_client_process_that_dies_makes_its_requests_failed() -> None:
    requests = [Request(i, i * 0.02, 3, 2) for i in range(100)]

    def look(now_s: float, due_s: FloatArray, left_s: FloatArray) -> None:
        children = multiprocessing.active_children()
        if len(children) == 2 and now_s > 0.4:
            os.kill(children[0].pid or 0, signal.SIGKILL)

    with serve() as server:
        target = Target(server.url, "m")
        result = run_load(target, requests, PROMPTS, processes=2, look=look, look_every_s=0.2)
    table = result.requests
    assert len(table) == 100
    failed = table.outcome == "failed"
    assert failed.sum() == 50
    assert set(table.error[failed]) == {"a client process died (exit status -9)"}
    assert table.finished.sum() == 50
    assert result.notes == ("a client process died (exit status -9)",)


def test_an_interrupt_ends_the_processes_and_goes_on() -> None:
    def look(now_s: float, due_s: FloatArray, left_s: FloatArray) -> None:
        signal.raise_signal(signal.SIGINT)

    with serve(BEHAVIOURS) as server:
        target = Target(server.url, "m", extra_of=by_tier)
        requests = [Request(i, 0.0, 3, 2, tier="never") for i in range(4)]
        with pytest.raises(KeyboardInterrupt):
            run_load(target, requests, PROMPTS, processes=2, look=look, look_every_s=0.1)
    assert multiprocessing.active_children() == []


def test_processes_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with serve(BEHAVIOURS) as server:
        command = [sys.executable, str(script), server.url]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as parent:
            assert parent.stdout is not None
            children = [int(pid) for pid in parent.stdout.readline().split()]
            parent.kill()
        assert len(children) == 2
        deadline_s = time.monotonic() + 20
        while any(_lives(pid) for pid in children) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert not any(_lives(pid) for pid in children)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
