"""Names of metrics by server and release, and numbers of several engines brought together."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest

from slaibench.endpoint.server_metrics import QUANTITIES, address_of, numbers

VLLM = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 7.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 100.0
vllm:prefix_cache_queries_created{engine="0",model_name="m"} 1.79e+09
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 40.0
vllm:num_preemptions_total{engine="0",model_name="m"} 3.0
"""
SGLANG = """# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 7.0
sglang:num_queue_reqs{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 2.0
sglang:token_usage{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 0.25
sglang:num_retracted_requests_total{engine_type="unified",model_name="m",tp_rank="0"} 3.0
sglang:prompt_tokens_total{is_streaming="true",model_name="m"} 60.0
sglang:prompt_tokens_total{is_streaming="false",model_name="m"} 40.0
sglang:cached_tokens_total{cache_source="device",model_name="m"} 30.0
sglang:cached_tokens_total{cache_source="host",model_name="m"} 10.0
"""
OLDER_VLLM = VLLM.replace("kv_cache_usage_perc", "gpu_cache_usage_perc").replace(
    "vllm:prefix_cache", "vllm:gpu_prefix_cache"
)


@pytest.mark.parametrize("text", [VLLM, OLDER_VLLM, SGLANG])
def test_every_quantity_is_known_by_each_servers_name(text: str) -> None:
    read = numbers(text, "m")
    assert read is not None
    assert read.engines == 1
    assert read.values == {
        **{"waiting": 2, "running": 7, "kv_use": 0.25, "preemptions": 3},
        **{"prefix_hits": 40, "prefix_queries": 100},
    }


def test_engines_are_summed_and_the_fullest_cache_counts() -> None:
    other = VLLM.replace('engine="0"', 'engine="1"').replace(" 0.25", " 0.75")
    read = numbers(VLLM + other, "m")
    assert read is not None
    assert read.engines == 2
    assert (read.values["running"], read.values["waiting"]) == (14, 4)
    assert read.values["kv_use"] == 0.75
    assert read.values["preemptions"] == 6


def test_ranks_of_one_engine_say_the_same_of_it() -> None:
    second = [text for text in SGLANG.splitlines() if 'tp_rank="0"' in text]
    ranks = "".join(text.replace('tp_rank="0"', 'tp_rank="1"') + "\n" for text in second)
    read = numbers(SGLANG + ranks, "m")
    assert read is not None
    assert read.engines == 1
    assert read.values["running"] == 7
    assert read.values["preemptions"] == 3


def test_parts_by_priority_are_not_counted_beside_the_whole() -> None:
    whole = 'sglang:num_queue_reqs{model_name="m",priority=""} 5\n'
    parts = "".join(
        f'sglang:num_queue_reqs{{model_name="m",priority="{number}"}} {number}\n'
        for number in (2, 3)
    )
    read = numbers(whole + parts, "m")
    assert read is not None
    assert read.values["waiting"] == 5


def test_of_several_models_the_one_under_load_counts() -> None:
    both = VLLM + VLLM.replace('model_name="m"', 'model_name="n"')
    for model, running in (("m", 7), ("n", 7), ("an adapter's name", 14)):
        read = numbers(both, model)
        assert read is not None
        assert read.values["running"] == running


def test_what_a_server_does_not_say_is_no_number() -> None:
    read = numbers("vllm:num_requests_running 1\nvllm:num_requests_waiting NaN\n", "m")
    assert read is not None
    assert read.values["running"] == 1
    assert all(math.isnan(read.values[name]) for name in ("waiting", "kv_use", "preemptions"))
    assert numbers("process_cpu_seconds_total 1\n", "m") is None


def test_a_counter_that_sglang_does_not_show_yet_is_zero() -> None:
    shown = [
        text for text in SGLANG.splitlines() if "retracted" not in text and "cached" not in text
    ]
    read = numbers("\n".join(shown) + "\n", "m")
    assert read is not None
    assert (read.values["preemptions"], read.values["prefix_hits"]) == (0, 0)
    assert read.values["prefix_queries"] == 100


@pytest.mark.parametrize(
    ("package", "file"),
    [("vllm", "v1/metrics/loggers.py"), ("sglang", "srt/observability/metrics_collector.py")],
)
def test_an_installed_engine_has_the_names(package: str, file: str) -> None:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed here")
    source = (Path(spec.submodule_search_locations[0]) / file).read_text("utf-8")
    for quantity in QUANTITIES:
        # prometheus_client adds _total to a counter's name that lacks it.
        own = [n for n in quantity.metrics if n.startswith(f"{package}:")]
        assert any(f'"{n}"' in source or f'"{n.removesuffix("_total")}"' in source for n in own), (
            own
        )


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://h:9090", "/metrics"),
        ("h:9090/", "/metrics"),
        ("https://h/engine/metrics", "/engine/metrics"),
        ("http://h:1/metrics?name=vllm", "/metrics?name=vllm"),
    ],
)
def test_metrics_may_have_an_address_of_their_own(url: str, path: str) -> None:
    assert address_of(url)[1] == path


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is not one like"),
        ("ftp://h", "is not one like"),
        ("http://me:secret@h/metrics", "no user or password"),
        ("http://h/v1/completions", "a route of the model's interface"),
    ],
)
def test_another_address_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        address_of(url)
