"""Engines as systems under test: what decides a recording, what cannot be served. None runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slaibench.backends.base import BackendError
from slaibench.backends.engines.base import MissingEngineError
from slaibench.backends.table import ENGINES
from slaibench.catalog import get_profile
from slaibench.machine import hardware
from slaibench.spec import CellSpec, Device
from slaibench.studies.prepared import prepare
from slaibench.studies.systems.engine import EngineSystem
from slaibench.studies.systems.table import describe_run
from tests.backends.shapes import config_of
from tests.studies.studies import study

GB = 10**9


@pytest.fixture(params=["vllm", "sglang"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A machine of 64 GB with this engine, version 1.2.3, which serves on any device."""
    name: str = request.param
    kind = type(ENGINES[name])
    monkeypatch.setattr(kind, "check", lambda self, device, options=None: "1.2.3")
    monkeypatch.setattr(hardware, "memory_bytes", lambda: 64 * GB)
    monkeypatch.setattr(hardware, "device_name", lambda device: f"some {device}")
    return name


Cell = Callable[..., CellSpec]


@pytest.fixture
def cell(engine: str) -> Cell:
    def made(**fields: Any) -> CellSpec:
        return prepare(study(backend=engine, **{"schedulers": ("slai",), **fields})).cells()[0]

    return made


def test_an_emulated_device_has_the_profiles_gpu_and_memory(engine: str, cell: Cell) -> None:
    emulated, simulated = cell(), prepare(study(schedulers=("slai",))).cells()[0]
    assert (emulated.system, emulated.place) == (f"{engine}:emulated", "h100")
    assert emulated.engine == f"{engine} 1.2.3"
    for same in ("gpu", "kv_blocks", "block_size", "profile_fingerprint", "scheduler_source"):
        assert getattr(emulated, same) == getattr(simulated, same) is not None
    assert emulated.hardware is None
    assert cell(clock="real").hardware == "some cpu"
    assert cell(clock="real").system == f"{engine}:emulated:real"


def test_a_real_device_has_its_own_hardware_and_memory_and_no_profile(
    engine: str, cell: Cell
) -> None:
    on_gpu = cell(device="cuda")
    assert (on_gpu.system, on_gpu.place) == (f"{engine}:cuda", "some cuda")
    assert on_gpu.hardware == "some cuda"
    for none in ("gpu", "profile_fingerprint", "kv_blocks", "weights"):
        assert getattr(on_gpu, none) is None
    assert cell(device="cuda", kv_blocks=500).kv_blocks == 500
    on_cpu = {"vllm": 32, "sglang": 16}[engine]
    assert (on_gpu.block_size, cell(device="cpu").block_size) == (16, on_cpu)


def test_an_emulated_device_refuses_a_cache_of_another_kind_before_any_work(
    cell: Cell, tmp_path: Path
) -> None:
    folder = config_of("openai/gpt-oss-20b", tmp_path)
    fast = Path(__file__).parents[1] / "h100_mistral-7b.json"
    with pytest.raises(ValueError, match=r"sliding-window attention, .*use --backend sim"):
        cell(model=str(folder), profile=str(fast))
    cell(model=str(folder), device="cuda")  # its own engine says what it cannot


@pytest.mark.parametrize(
    ("device", "matters"), [("emulated", False), ("cpu", True), ("cuda", True)]
)
def test_the_widest_scheduler_sizes_a_real_engine_and_so_is_part_of_the_cell(
    device: str, matters: bool, cell: Cell
) -> None:
    alone = cell(device=device)
    beside = cell(device=device, schedulers=("slai", "sarathi:token_budget=4096,max_active=64"))
    assert (alone != beside) is matters
    if matters:
        assert (alone.engine_token_budget, alone.engine_max_active) == (512, 128)
        assert (beside.engine_token_budget, beside.engine_max_active) == (4096, 128)


@pytest.mark.parametrize(
    "other",
    [{"device": "cpu"}, {"clock": "real"}, {"prefix_caching": True}, {"max_context_tokens": 4096}],
)
def test_whatever_changes_a_recording_changes_the_cell(other: dict[str, Any], cell: Cell) -> None:
    assert cell() != cell(**other)


def test_more_arguments_reach_the_server_and_are_part_of_the_cell(engine: str, cell: Cell) -> None:
    plain = cell(device="cuda")
    with_arguments = cell(device="cuda", engine_args="--dtype 'float 16'")
    assert plain != with_arguments
    assert "engine_args" not in plain.spec()  # as recorded before there were any
    assert CellSpec.model_validate(plain.spec()) == plain
    assert CellSpec.model_validate(with_arguments.spec()) == with_arguments
    prepared = prepare(study(backend=engine, device="cuda", engine_args="--dtype 'float 16'"))
    assert isinstance(prepared.system, EngineSystem)
    assert prepared.system._options().more == ("--dtype", "float 16")


def test_gpus_that_share_a_layer_reach_the_engine_once(engine: str) -> None:
    spread = {"backend": engine, "schedulers": ("slai",), "model": "qwen3-8b", "tp": 2}
    emulated = prepare(study(**spread, gpu="h100", engine="roofline")).system
    real = prepare(study(**spread, device="cuda")).system
    assert isinstance(emulated, EngineSystem)
    assert isinstance(real, EngineSystem)
    assert (emulated._options().tp, emulated._options().more) == (2, ())
    assert (real._options().tp, real._options().more) == (1, ("--tensor-parallel-size=2",))


def test_more_arguments_that_reach_no_server_are_refused(cell: Cell) -> None:
    with pytest.raises(ValueError, match="under a virtual clock there is no server"):
        cell(engine_args="--dtype float16")
    cell(engine_args="--dtype float16", clock="real")
    with pytest.raises(ValueError, match="--port=7 would change"):
        cell(device="cuda", engine_args="--port=7")
    with pytest.raises(ValueError, match="--engine-args does not go with --backend sim"):
        prepare(study(engine_args="--dtype float16"))


def test_another_engine_version_is_another_cell(
    engine: str, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cell()
    monkeypatch.setattr(type(ENGINES[engine]), "check", lambda self, device: "1.2.4")
    assert cell() != before


def test_the_context_holds_the_workloads_longest_request_and_little_more(
    tmp_path: Path, cell: Cell
) -> None:
    # Drawn at random up to 1,920: a run may have a longer one than the sample that describes it.
    assert cell().max_context_tokens == 2048
    assert cell(max_total_tokens=1000).max_context_tokens == 1000
    (tmp_path / "t.csv").write_text("prompt_tokens,output_tokens\n100,20\n500,77\n")
    assert cell(workload=str(tmp_path / "t.csv")).max_context_tokens == 577
    # vLLM does not start with a context that its cache could not hold.
    assert cell(kv_blocks=121).max_context_tokens == 121 * 16
    with pytest.raises(ValueError, match=r"KV cache \(100 blocks\) holds 1600"):
        cell(kv_blocks=100)
    with pytest.raises(ValueError, match="the context asked for holds 1000"):
        cell(max_context_tokens=1000)


def test_what_an_engine_is_started_with_is_what_the_cell_says(engine: str) -> None:
    narrow = study(backend=engine, schedulers=("sarathi:token_budget=64",), prefix_caching=True)
    system = prepare(narrow).system
    assert isinstance(system, EngineSystem)
    options = system._options()
    assert options.checkpoint is None
    blocks = get_profile("h100", "mistral-7b").kv_blocks
    assert (options.kv_blocks, options.max_context_tokens) == (blocks, 2048)
    # Engines want room for a token of each of their 128 requests.
    assert (options.token_budget, options.max_active) == (128, 128)
    assert options.prefix_caching
    given = prepare(study(backend=engine, device="cuda", model="llama-3.1-8b", weights="/w")).system
    assert isinstance(given, EngineSystem)
    assert (given._options().checkpoint, given._options().model.name) == ("/w", "llama-3.1-8b")


@pytest.mark.parametrize("fits", [True, False])
def test_weights_that_do_not_fit_this_machine_are_refused_with_a_model_that_does(
    engine: str, cell: Cell, monkeypatch: pytest.MonkeyPatch, fits: bool
) -> None:
    # SGLang computes in float32 on a CPU.
    enough, gigabytes = {"vllm": (17 * GB, 14.5), "sglang": (33 * GB, 29.0)}[engine]
    monkeypatch.setattr(hardware, "memory_bytes", lambda: enough - (0 if fits else GB))
    cell()  # emulated: nothing has to fit
    cell(device="cpu", model="tiny-mistral")
    if fits:
        cell(device="cpu")
        return
    with pytest.raises(ValueError, match=f"mistral-7b take {gigabytes} GB.*--model tiny-mistral"):
        cell(device="cpu")


@pytest.mark.parametrize("error", [BackendError, lambda text: MissingEngineError(text, "get it")])
def test_an_engine_that_is_not_there_is_refused_before_anything_runs(
    engine: str,
    cell: Cell,
    error: Callable[[str], BackendError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: object, device: Device) -> str:
        raise error(f"none for {device.value}")

    monkeypatch.setattr(type(ENGINES[engine]), "check", refuse)
    for device in Device:
        with pytest.raises(ValueError, match=f"none for {device.value}") as caught:
            cell(device=device)
        missing = "get it" in str(caught.value)
        assert ("use --backend sim" in str(caught.value)) is missing


def test_a_line_says_what_served() -> None:
    profile = {"name": "h100/m", "status": "fitted", "engine": "x", "errors": {"a_mean": 0.05}}
    run = {
        "spec": {"model": "mistral-7b", "gpu": "h100", "hardware": None, "weights": None},
        "backend": {"name": "vllm", "device": "emulated", "clock": "virtual"},
        "versions": {"vllm": "0.32.0"},
        "profile": profile,
    }
    assert describe_run(run) == (
        "vLLM 0.32.0 on an emulated h100 (virtual clock): mistral-7b, profile h100/m (fitted; from "
        "x); known errors of its parts: a 5.0%\nnot validated against a run of an engine"
    )
    in_real_time = {**run, "spec": {**run["spec"], "engine_args": "--max-logprobs=7"}}
    assert "h100 (virtual clock): mistral-7b with --max-logprobs=7, " in describe_run(in_real_time)
    spec = {"model": "tiny-mistral", "gpu": None, "hardware": "AMD EPYC (2 cores)", "weights": None}
    measured = {**run, "spec": spec, "profile": None}
    assert describe_run(measured) == (
        "vLLM 0.32.0 on AMD EPYC (2 cores): measured, tiny-mistral with random weights"
    )
    words = describe_run({**measured, "spec": {**spec, "engine_args": "--dtype float16"}})
    assert words.endswith("tiny-mistral with random weights, --dtype float16")
