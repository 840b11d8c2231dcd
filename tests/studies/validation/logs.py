"""Logs of an engine that is known exactly: the simulator itself, with a slower step."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.backends.base import RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.catalog import get_profile
from slaibench.costmodel import CostModel
from slaibench.schedulers.registry import build
from slaibench.workloads.request import Request

KV_BLOCKS = 600
"""Little enough that requests are preempted at ``RATE_RPS``."""
RATE_RPS = 12.0
PROFILE = get_profile("rtx4090", "llama-3.1-8b")


def meta(**changes: Any) -> dict[str, Any]:
    return {
        "vllm_version": "0.19.0",
        "model": "meta-llama/Llama-3.1-8B",
        "device_name": "NVIDIA GeForce RTX 4090",
        "max_num_seqs": 256,
        "max_num_batched_tokens": 2048,
        "num_gpu_blocks": KV_BLOCKS + 1,
        "block_size": 16,
        **changes,
    }


def requests(count: int, seed: int = 1) -> list[Request]:
    rng = np.random.default_rng(seed)
    due = np.round(np.cumsum(rng.exponential(1 / RATE_RPS, count)), 6)
    due -= due[0]
    return [
        Request(number, float(due_s), int(rng.integers(50, 600)), int(rng.integers(20, 200)))
        for number, due_s in enumerate(due)
    ]


def write_log(folder: Path, *, overhead_ms: float = 0.0, count: int = 120, **settings: Any) -> Path:
    """What an engine would log whose batches take ``overhead_ms`` longer than the profile says."""
    folder.mkdir(parents=True, exist_ok=True)
    logged = requests(count)
    simulator = Simulator(
        CostModel(replace(PROFILE, step_overhead_ms=overhead_ms)),
        total_blocks=KV_BLOCKS,
        asynchronous=True,
        prefix_caching=True,
    )
    scheduler = build("sarathi:token_budget=2048,max_active=256,watermark=0")
    table = simulator.run(logged, scheduler, RunSettings()).requests
    rows = [
        {
            "arrival": 100 + request.due_s,
            "prompt_tokens": request.prompt_tokens,
            "output_tokens": request.output_tokens,
            "first_token": 100 + first_s,
            "last_token": 100 + last_s,
        }
        for request, first_s, last_s in zip(
            logged, table.first_token_s.tolist(), table.last_token_s.tolist(), strict=True
        )
    ]
    assert all(math.isfinite(row["last_token"]) for row in rows)
    path = folder / "requests.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "meta.json").write_text(json.dumps(meta(**settings)))
    return path
