"""Arguments in a recording: what decides how an engine runs, and nothing that may be secret."""

from __future__ import annotations

import pytest

from slaibench.machine.engine_arguments import disclosed, hides


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
    assert disclosed(text) == text
    assert not hides(text)


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
    shown = disclosed(text)
    assert "S3CRET" not in shown
    assert hides(shown)
    assert disclosed(shown) == shown
    assert disclosed(text.replace("S3CRET", "OTHER")) != shown
