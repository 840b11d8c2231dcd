"""A server is waited for, told apart from a dead one, and stopped; its log says why it died.

The servers here are small, but they are processes that listen on ports, as vLLM's is.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slaibench.backends.base import BackendError
from slaibench.backends.engines.server import EngineServer, cause

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="servers are started on Linux only")

SERVER = """
import http.server, json, sys, time
port, slow_s = int(sys.argv[1]), float(sys.argv[2])
began = time.monotonic()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        up = time.monotonic() - began >= slow_s
        self.answer(200 if up else 503, b"up" if up else b"not yet")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = {"got": json.loads(body), "id": self.headers["X-Request-Id"], "path": self.path}
        if self.headers["Authorization"]:
            said["key"] = self.headers["Authorization"]
        self.answer(200, json.dumps(said).encode())
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
print("serving", flush=True)
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def stopped() -> Iterator[list[EngineServer]]:
    """Servers put here are stopped after the test."""
    servers: list[EngineServer] = []
    yield servers
    for server in servers:
        server.stop()


Make = Callable[..., EngineServer]


@pytest.fixture
def make(tmp_path: Path, stopped: list[EngineServer]) -> Make:
    def made(code: str = SERVER, slow_s: float = 0.0, **arguments: object) -> EngineServer:
        server = EngineServer(
            "Engine",
            lambda port: [sys.executable, "-c", code, str(port), str(slow_s)],
            log=tmp_path / "server.log",
            **arguments,  # type: ignore[arg-type]
        )
        stopped.append(server)
        return server

    return made


def test_a_server_has_started_once_it_answers_that_it_is_healthy(make: Make) -> None:
    looks: list[int] = []
    server = make(slow_s=0.6, on_look=lambda: looks.append(1))
    server.start()
    assert server.is_running
    assert server.request("/health") == (200, "up")
    assert len(looks) >= 2
    assert "serving" in server.log.read_text(encoding="utf-8")


def test_a_request_carries_its_body_and_id(make: Make) -> None:
    with make() as server:
        status, answer = server.request("/v1/completions", {"prompt": [1]}, request_id="run1-7")
    assert status == 200
    assert answer == '{"got": {"prompt": [1]}, "id": "run1-7", "path": "/v1/completions"}'


def test_a_servers_key_goes_with_every_request(make: Make) -> None:
    with make(key="a-secret") as server:
        _, answer = server.request("/v1/completions", {"prompt": [1]})
    assert '"key": "Bearer a-secret"' in answer


def test_it_is_gone_after_its_block_also_when_that_fails(make: Make) -> None:
    def fail() -> None:
        with make() as server:
            urls.append(server)
            raise ValueError("no")

    urls: list[EngineServer] = []
    with pytest.raises(ValueError, match="no"):
        fail()
    assert not urls[0].is_running
    with pytest.raises(OSError, match="refused"):
        urls[0].request("/health")


def test_it_can_be_started_again_on_another_port_and_its_log_goes_on(make: Make) -> None:
    server = make()
    server.start()
    server.stop()
    server.start()
    assert server.request("/health")[0] == 200
    assert server.log.read_text(encoding="utf-8").count("serving") == 2


def test_the_port_asked_for_is_the_one_it_gets(make: Make) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with make(port=port) as server:
        assert server.url == f"http://127.0.0.1:{port}"


def test_a_port_in_use_is_refused_before_anything_starts(make: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = make(port=port)
        with pytest.raises(BackendError, match=rf"port {port} of 127.0.0.1 cannot be had .*--port"):
            server.start()
    assert not server.log.exists()


def test_a_free_port_that_is_snatched_away_is_replaced(make: Make, tmp_path: Path) -> None:
    """The first two servers find their port taken, as vLLM says it."""
    counter = tmp_path / "tries"
    snatched = f"""
import sys
from pathlib import Path
tries = Path({str(counter)!r})
tries.write_text((tries.read_text() if tries.exists() else "") + "x")
if len(tries.read_text()) < 3:
    sys.exit("OSError: [Errno 98] error while attempting to bind: address already in use")
"""
    server = make(snatched + SERVER)
    server.start()
    assert server.is_running
    assert counter.read_text() == "xxx"


def test_an_early_death_is_reported_with_its_reason_and_its_log(make: Make) -> None:
    server = make(
        "import sys; print('loading'); sys.exit('ValueError: block size 16 is too small')"
    )
    with pytest.raises(BackendError) as caught:
        server.start()
    assert str(caught.value) == (
        f"Engine did not start: ValueError: block size 16 is too small\nIts log: {server.log}"
    )
    assert not server.is_running


def test_a_silent_death_is_reported_with_its_status(make: Make) -> None:
    with pytest.raises(BackendError, match="ended with status 3 and said nothing"):
        make("raise SystemExit(3)").start()


def test_the_reason_is_not_that_of_an_earlier_server_in_the_same_log(
    make: Make, tmp_path: Path
) -> None:
    (tmp_path / "server.log").write_text("ValueError: of yesterday\n")
    with pytest.raises(BackendError, match="RuntimeError: of today"):
        make("import sys; sys.exit('RuntimeError: of today')").start()


def test_a_server_that_never_answers_is_stopped_at_the_limit(make: Make) -> None:
    server = make(slow_s=1e9, start_limit_s=0.5)
    with pytest.raises(BackendError, match=r"does not answer after 0\.5 s"):
        server.start()
    assert not server.is_running


def test_an_interrupted_start_leaves_nothing(make: Make) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    server = make(slow_s=1e9, on_look=interrupt)
    with pytest.raises(KeyboardInterrupt):
        server.start()
    assert not server.is_running


def test_a_death_in_the_middle_is_noticed_and_explained(make: Make) -> None:
    last_words = "print('MemoryError: gone', flush=True); __import__('os')._exit(1)"
    server = make(SERVER.replace("def do_POST(self):", f"def do_POST(self):\n        {last_words}"))
    server.start()
    # Closed or reset, as it comes: the process is gone before it has read all that was sent.
    with pytest.raises(OSError, match=r"RemoteDisconnected|Connection reset by peer"):
        server.request("/v1/completions", {})
    while server.is_running:
        pass
    assert server.failure() == f"MemoryError: gone; its log: {server.log}"


ENGINE = "(EngineCore pid=13192) ERROR 11-22 18:55:43 [core.py:1510] "
WORKER = "(VllmWorker-0 pid=13220) ERROR 11-22 18:55:41 [multiproc_executor.py:953] "


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            f"(APIServer pid=1) INFO 11-22 18:55:26 [model.py:733] Resolved architecture: Mistral\n"
            f"{WORKER}Traceback (most recent call last):\n"
            f'{WORKER}  File "worker.py", line 83, in __init__\n'
            f"{WORKER}    raise ValueError(\n"
            f"{WORKER}ValueError: Available memory on node 0 is less than desired\n"
            f"{ENGINE}Exception: WorkerProc initialization failed due to an exception in a "
            "background process. See stack trace for root cause.\n"
            "RuntimeError: Engine core initialization failed. See root cause above.\n",
            "ValueError: Available memory on node 0 is less than desired",
        ),
        (
            "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
            "  Value error, User-specified max_model_len (9) is greater than 8 [type=value_error]\n"
            "    For further information visit a page\n",
            "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig "
            "Value error, User-specified max_model_len (9) is greater than 8 [type=value_error]",
        ),
        (
            "usage: api_server.py [-h] [--model MODEL]\n"
            "api_server.py: error: unrecognized arguments: --frobnicate\n",
            "api_server.py: error: unrecognized arguments: --frobnicate",
        ),
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB\n"
            "RuntimeError: Engine core initialization failed. See root cause above.\n",
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
        ),
        (
            '[rank0]:   File "forked.py", line 44, in in_a_copy\n'
            "[rank0]: ChildProcessError: a run's process ended with status 0\n",
            "ChildProcessError: a run's process ended with status 0",
        ),
        ("RuntimeError: See root cause above.\n", "RuntimeError: See root cause above."),
        ("one\n\ntwo\nthree\nKilled\n", "two / three / Killed"),
        ("", ""),
    ],
)
def test_the_root_of_a_failure_is_found_in_a_log(log: str, reason: str) -> None:
    assert cause(log) == reason


def test_a_warning_that_quotes_an_error_is_no_reason() -> None:
    log = (
        "(APIServer pid=1) WARNING 11-22 18:55:18 [a.py:2] fd limit errors like `OSError: 24`\nend"
    )
    assert re.search(r"end$", cause(log))
    assert not cause(log).startswith("OSError")
