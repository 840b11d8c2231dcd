"""What a backend takes, what it fills in, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from slaibench.spec import Clock, Device, StudySpec
from slaibench.studies.systems.table import OPTIONS, SYSTEMS, find, on_system, settled
from tests.studies.studies import study


def test_an_unknown_backend_is_reported_with_the_nearest() -> None:
    with pytest.raises(
        ValueError, match=r"unknown backend 'vlm': did you mean 'vllm'\? Known: sim,"
    ):
        find("vlm")


@pytest.mark.parametrize(
    ("fields", "filled"),
    [
        ({}, {"gpu": "h100", "model": "mistral-7b", "device": None, "clock": Clock.VIRTUAL}),
        ({"gpu": "a100"}, {"gpu": "a100", "model": "mistral-7b"}),
        ({"backend": "vllm"}, {"gpu": "h100", "device": Device.EMULATED, "clock": Clock.VIRTUAL}),
        ({"backend": "vllm", "clock": "real"}, {"gpu": "h100", "clock": Clock.REAL}),
        ({"backend": "vllm", "device": "cpu"}, {"gpu": None, "clock": Clock.REAL}),
        ({"backend": "vllm", "device": "cuda"}, {"gpu": None, "model": "mistral-7b"}),
        ({"backend": "vllm", "device": "cpu", "weights": "/w"}, {"model": "/w", "weights": "/w"}),
        (
            {"backend": "vllm", "device": "cpu", "tp": 2, "engine_args": "--disable-log-stats"},
            {"tp": None, "engine_args": "--disable-log-stats --tensor-parallel-size=2"},
        ),
        ({"backend": "vllm", "tp": 2}, {"tp": 2, "engine_args": None}),
    ],
)
def test_what_is_left_open_is_filled_in_and_then_stays(
    fields: dict[str, Any], filled: dict[str, Any]
) -> None:
    spec = settled(study(**fields))
    assert {name: getattr(spec, name) for name in filled} == filled
    assert settled(spec) == spec
    # A report holds the settled specification as JSON, and verifies it.
    assert StudySpec.model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"device": "cpu"}, "--device does not go with --backend sim, only with vllm or sglang"),
        ({"weights": "/w"}, "--weights does not go with --backend sim"),
        ({"url": "http://x"}, "--url does not go with --backend sim, only with endpoint"),
        ({"clock": "real"}, "the simulator's clock is virtual"),
        ({"backend": "vllm", "url": "http://x"}, "--url does not go with --backend vllm"),
        ({"backend": "vllm", "weights": "/w"}, "needs no weights: leave --weights out, or give"),
        ({"backend": "vllm", "device": "cpu", "clock": "virtual"}, "takes real time: leave"),
        ({"backend": "vllm", "device": "cpu", "gpu": "h100"}, "--gpu h100 says whose times.*cpu"),
        ({"backend": "vllm", "device": "cuda", "profile": "p.json"}, "leave --profile out"),
        (
            {"backend": "vllm", "device": "cuda", "precision": "fp8"},
            "which profile to make.*-quant",
        ),
        ({"backend": "sglang", "device": "cpu", "ep": 2}, "which profile to make.*--ep-size"),
        (
            {
                "backend": "vllm",
                "device": "cuda",
                "tp": 2,
                "engine_args": "--tensor-parallel-size 4",
            },
            "--tp 2: --engine-args says it as well",
        ),
        ({"backend": "endpoint", "url": "http://x", "tp": 2}, "--tp does not go with"),
        ({"backend": "endpoint"}, "give --url http://host:port"),
        ({"backend": "endpoint", "url": "http://x", "gpu": "h100"}, "--gpu does not go with"),
        ({"backend": "endpoint", "url": "http://x", "device": "cpu"}, "--device does not go with"),
        ({"backend": "endpoint", "url": "http://x", "clock": "virtual"}, "takes real time"),
        ({"backend": "endpoint", "url": "http://x"}, "one label for it.*not sarathi, slai"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_way_out(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        settled(study(**fields))


def test_every_field_that_a_backend_takes_has_an_option_and_is_a_field() -> None:
    for system in SYSTEMS.values():
        assert set(OPTIONS) >= system.TAKES
    assert set(OPTIONS) <= set(StudySpec.model_fields)


def test_a_study_goes_to_another_backend_without_what_that_has_no_use_for() -> None:
    spec = study(gpu="a100", kv_blocks=5000, prefix_caching=False)
    assert on_system(spec, "vllm").gpu == "a100"
    assert on_system(spec, "vllm").device is Device.EMULATED
    assert on_system(spec, "vllm:emulated") == on_system(spec, "vllm")
    on_cpu = on_system(study(gpu="a100", weights="/w", model="tiny-mistral"), "vllm:cpu")
    assert (on_cpu.gpu, on_cpu.weights, on_cpu.clock) == (None, "/w", Clock.REAL)
    served = study(backend="vllm", clock="real", engine_args="--dtype float16")
    assert on_system(served, "sglang:cpu").engine_args == "--dtype float16"
    assert on_system(served, "vllm").engine_args is None  # there is no server
    simulated = on_system(study(weights="/w", prefix_caching=True), "sim")
    assert (simulated.weights, simulated.prefix_caching) == (None, True)
    assert simulated.gpu == "h100"


@pytest.mark.parametrize("text", ["vlm", "sim:cpu", "vllm:gpu", "vllm:", ":cpu"])
def test_a_backend_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unknown backend"):
        on_system(study(), text)


def test_an_endpoint_is_no_place_for_our_schedulers() -> None:
    with pytest.raises(ValueError, match="has a scheduler of its own"):
        on_system(study(), "endpoint")
