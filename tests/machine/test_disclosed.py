"""Texts, and an engine's arguments, without what is secret or tells whose machine it is."""

from __future__ import annotations

import getpass
import socket

import pytest

from slaibench.machine.disclosed import (
    Form,
    digest,
    disclosed_arguments,
    hides_arguments,
    without_places,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/.venv/bin/python cannot be run", "(a path) cannot be run"),
        ("in '~/code/x.py', line 3", "in '(a path)', line 3"),
        ("no answer from https://me:pw@hub.example/x?key=1", "no answer from (an address)"),
        ("10.0.0.7:8000 refused", "(an address) refused"),
        ("/sys/kernel/mm cannot be read", "/sys/kernel/mm cannot be read"),
        ("3 requests/s", "3 requests/s"),
    ],
)
def test_places_are_left_out(text: str, shown: str) -> None:
    assert without_places(text) == shown


def test_the_host_and_the_user_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "node-7")
    monkeypatch.setattr(getpass, "getuser", lambda: "alice")
    assert without_places("alice on node-7 fails") == "(a name) on (a name) fails"


def test_a_configuration_is_shown_if_all_of_it_is_plain() -> None:
    plain = '{"mode": 3, "sizes": [1, 2], "backend": "inductor", "on": true}'
    assert Form.JSON.shows(plain) == plain
    assert Form.JSON.shows('{"path": "/home/me"}') is None
    assert Form.JSON.shows('{"a": [{"https://x": 1}]}') is None
    assert Form.JSON.shows("[" * 100_000 + "]" * 100_000) is None
    assert Form.JSON.shows("{not json}") is None


def test_a_digest_tells_values_apart_and_shows_neither() -> None:
    assert digest("one") == digest("one") != digest("two")
    assert "one" not in digest("one")


@pytest.mark.parametrize(
    "text",
    [
        "--max-logprobs=7",
        "--tensor-parallel-size 2 --dtype bfloat16 --enforce-eager",
        "-tp 2 -O3 --no-enable-chunked-prefill",
        "--kv-cache-dtype fp8_e4m3 --attention-backend FLASH_ATTN_VLLM_V1",
        "--torchao-config int4wo-128 --quantization compressed-tensors",
        "--all2all-backend deepep_high_throughput --dtype=float16",
        "--cuda-graph-bs 1 2 4 8",
        '--compilation-config \'{"mode": 3, "cudagraph_capture_sizes": [1, 2]}\'',
        "--compilation-config.mode=3 --gpu_memory_utilization=0.9",
    ],
)
def test_what_decides_is_shown_as_it_was_written(text: str) -> None:
    assert disclosed_arguments(text) == text
    assert not hides_arguments(text)


@pytest.mark.parametrize(
    "text",
    [
        "--api-key S3CRET",
        "--api-key=S3CRET",
        "--hf_token=S3CRET --dtype float16",
        "--ssl-keyfile /home/S3CRET/key.pem",
        "--otlp-traces-endpoint http://me:S3CRET@10.0.0.7",
        "--dtype S3CRET/x",
        "--dtype sk-proj-S3CRETxYzQ0123456789abcdef",
        "--max-num-seqs 64 S3CRET",
        '--kv-transfer-config \'{"url": "S3CRET"}\'',
        '--compilation-config \'{"x": "/home/S3CRET"}\'',
        "--hf-overrides.token=S3CRET",
        "--api-key -S3CRET-",
        "--allowed-origins '[\"S3CRET\"]'",
    ],
)
def test_what_may_be_secret_is_a_digest(text: str) -> None:
    shown = disclosed_arguments(text)
    assert "S3CRET" not in shown
    assert hides_arguments(shown)
    assert disclosed_arguments(shown) == shown
    assert disclosed_arguments(text.replace("S3CRET", "OTHER")) != shown
