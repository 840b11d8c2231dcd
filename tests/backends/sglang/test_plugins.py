"""Plug-ins of somebody's beside SGLang's own rule, on an emulated device."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slaibench.backends.base import Backend, BackendError, RunOutput, RunSettings
from slaibench.backends.engines.served import ServedEngine
from slaibench.backends.sglang.launch import SglangEngine, emulated_sglang, python
from slaibench.catalog.profiles import get_profile
from slaibench.machine.interpreters import import_path, variable
from slaibench.schedulers import registry
from slaibench.schedulers.base import SchedulerError
from slaibench.spec import Device
from slaibench.workloads.request import Request
from tests.backends.agreement import MODEL, engine_options, requests
from tests.backends.needed import needed
from tests.backends.sglang.their_plugins import interpreter_with

OPTIONS = engine_options(asynchronous=True)
LOADS = """
import sys
from slaibench.backends.sglang.stand_ins import install
install()
from slaibench.schedulers.engines.sglang_plugins import PluginError, load
for name in sys.argv[1:]:
    try:
        load([name])
    except PluginError as error:
        print("PluginError:", error)
    else:
        print("loaded", name, flush=True)
load(["hangs"], 0.2)
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of their package, and of an interpreter that has it."""
    needed(SglangEngine(), Device.EMULATED)
    folder = tmp_path_factory.mktemp("theirs")
    interpreter_with(folder, python())
    return folder


@pytest.fixture(scope="module")
def emulated(theirs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(variable("sglang"), str(theirs / "python"))
        logs = tmp_path_factory.mktemp("logs")
        backend = emulated_sglang(OPTIONS, get_profile("h100", MODEL), logs)
    yield backend
    backend.close()


def run(
    backend: Backend, text: str, wanted: list[Request] | None = None, **settings: Any
) -> RunOutput:
    wanted = wanted or requests(40, arrivals="burst")
    return backend.run(wanted, registry.build(text), RunSettings(scheduler=text, **settings))


def same_bytes(one: RunOutput, other: RunOutput) -> bool:
    return all(
        getattr(ours, field.name).tobytes() == getattr(theirs, field.name).tobytes()
        for ours, theirs in ((one.requests, other.requests), (one.steps, other.steps))
        for field in fields(ours)
    )


def in_order_of_length(output: RunOutput) -> bool:
    """Whether no prompt was in a batch before a shorter one."""
    table = output.requests
    by_length = np.argsort(table.prompt_tokens, kind="stable")
    return bool((np.diff(table.first_scheduled_s[by_length]) >= 0).all())


def test_plugins_that_change_nothing_are_stock_byte_for_byte(
    emulated: Backend, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As vLLM leaves it to who imports it: OpenMP is there before SGLang's process begins.
    packages = Path(python()).parents[1] / "lib"
    for openmp in packages.glob("python3*/site-packages/torch/lib/libgomp*"):
        monkeypatch.setenv("LD_PRELOAD", str(openmp))
    stock, other = run(emulated, "engine"), run(emulated, "engine:plugin=nothing+unused")
    assert same_bytes(stock, other)
    assert not (theirs / "uninvited").exists()  # a plug-in that nobody named
    assert "theirs" not in stock.facts["versions"]
    assert other.facts["versions"]["theirs"] == "1"
    idle, words = other.notes
    assert idle == (
        "plug-in unused: no hook of it was called "
        "(before sglang.srt.managers.tokenizer_manager.TokenizerManager.generate_request)"
    )
    assert words.startswith("SGLang with plug-in nothing+unused: chunks of")
    assert [note.partition(":")[0] for note in stock.notes] == ["SGLang as shipped"]


def test_a_plugin_decides_the_order_and_keeps_nothing_from_run_to_run(emulated: Backend) -> None:
    first, again = (run(emulated, "engine:plugin=shortest") for _ in range(2))
    assert same_bytes(first, again)
    assert in_order_of_length(first)
    rule = {"stop": lambda progress: "enough" if progress.now_s > 2 else None, "stop_every_s": 0.5}
    stopped = run(emulated, "engine:plugin=shortest", **rule)
    assert (stopped.stopped_early, stopped.end_s < first.end_s) == ("enough", True)
    assert not in_order_of_length(run(emulated, "engine"))
    assert first.requests.finished.all()


def test_a_scheduler_that_extends_sglangs_decides(emulated: Backend) -> None:
    output = run(emulated, "engine:plugin=replaces,token_budget=2048")
    assert in_order_of_length(output)
    assert output.steps.prefill_tokens.max() <= 2048
    message = r"KeyError: 'a fault of its own' \(theirs\.py, line \d+\)"
    with pytest.raises(SchedulerError, match=message):
        run(emulated, "engine:plugin=replaces", [Request(0, 0.0, 13, 2)])


def test_a_plugin_may_be_a_file(emulated: Backend, theirs: Path) -> None:
    """It fails there, which shows that it was called, in a process of its own."""
    with pytest.raises(BackendError, match=r"theirs\.py:raises' fails to load: KeyError: 'a fault"):
        run(emulated, f"engine:plugin={theirs}/theirs.py:raises")


def test_a_server_has_the_plugins_of_its_scheduler(
    theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five prompts wait for a long one, the longest of them first."""
    monkeypatch.setenv(variable("sglang"), str(theirs / "python"))
    options = engine_options(asynchronous=True, token_budget=512)
    profile = get_profile("rtx4090", MODEL)
    server = ServedEngine(SglangEngine(), options, Device.EMULATED, profile=profile, logs=tmp_path)
    waiting = [Request(number, 0.05, 600 - 100 * number, 2) for number in range(1, 6)]
    try:
        output = run(server, "engine:plugin=replaces", [Request(0, 0.0, 8000, 2), *waiting])
    finally:
        server.close()
    first_s = output.requests.first_scheduled_s
    assert output.requests.finished.all()
    assert (np.diff(first_s[1:]) <= 0).all()
    assert first_s[5] < first_s[1]
    assert "SGLang with plug-in replaces: chunks of 512 tokens" in output.notes[-1]


def test_what_cannot_be_loaded_is_refused_with_a_sentence(theirs: Path) -> None:
    names = ("raises", "ends", "absent", "wraps", "foreign", "strange", "nothing")
    done = subprocess.run(
        [str(theirs / "python"), "-W", "ignore", "-P", "-c", LOADS, *names],
        env={"PYTHONPATH": import_path(str(theirs / "python")), "SGLANG_USE_CPU_ENGINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    hanging = "'hangs' is not loaded after 0.2 s: it hangs in theirs.py, line "
    assert f"PluginError: plug-in {hanging}" in done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith(("PluginError", "loaded"))]
    wanted = (
        "'raises' fails to load: KeyError: 'a fault of its own' (theirs.py, line ",
        "'ends' fails to load: ProcessEndError: os._exit(0) would end the process (theirs.py, ",
        "'absent' hooks sglang.srt.managers.scheduler.Scheduler.no_such_method: this SGLang has no",
        "'wraps' hooks sglang.srt.managers.scheduler.Scheduler: SGLang takes no hook after there",
        "plug-in foreign replaces SGLang's Scheduler by 'Foreign', which does not extend it",
        "no plug-in 'strange' is installed for ",
    )
    assert len(said) == len(names)
    for line, part in zip(said, wanted, strict=False):
        assert line.startswith("PluginError: ")
        assert part in line
