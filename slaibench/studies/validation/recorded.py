"""Recordings of ours as observed runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from slaibench.measure.latency import token_gaps
from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.studies import scheduler_info
from slaibench.studies.validation.observed import EngineSettings, ObservedRun
from slaibench.workloads.request import Request

OF_A_PROFILE = (
    "its batch times are a profile's own (an emulated device): this compares decisions, not times, "
    "and says nothing of how true a profile is"
)


def read_recordings(root: Path) -> tuple[list[ObservedRun], list[str]]:
    """The runs in a folder of recordings, and why some of them cannot be replayed.

    Raises:
        ValueError: there is none that can.
        RecordingError: one is damaged.
    """
    folders = list(store.find_runs(root)) if root.is_dir() else []
    if not folders:
        raise ValueError(
            f"{str(root)!r} holds no recordings: name a folder that slaibench sweep, compare or "
            "replay wrote (--results)"
        )
    runs, left_out = [], []
    for folder in folders:
        name = root.name if folder == root else str(folder.relative_to(root))
        try:
            runs.append(observed_run(store.read(folder), name))
        except ValueError as error:
            left_out.append(str(error))
    if not runs:
        raise ValueError(left_out[0])
    return runs, left_out


def observed_run(recording: Recording, name: str) -> ObservedRun:
    """The run that a recording holds.

    Raises:
        ValueError: it cannot be replayed: it does not say how large the KV cache was, nothing was
            served, or decodes drafted tokens.
    """
    run, table = recording.run, recording.requests
    if run.get("kv_blocks") is None or run.get("block_size") is None:
        raise ValueError(
            f"recording {name} does not say how many KV blocks its engine had (an endpoint's does "
            "not), so nothing can be replayed with as many: record with --backend vllm or sglang"
        )
    if not table.finished.any():
        raise ValueError(f"recording {name} has no finished request")
    spec = run["spec"]
    if spec.get("speculative_tokens") is not None:
        raise ValueError(
            f"recording {name} has decodes of several tokens, and a replay gives one each: compare "
            "backends instead, with slaibench validate --between sim,vllm --speculative-tokens "
            f"{spec['speculative_tokens']} --acceptance-rate {spec['acceptance_rate']:g}"
        )
    order = np.argsort(table.due_s, kind="stable")
    requests = [
        Request(
            place,
            float(table.due_s[row]),
            int(table.prompt_tokens[row]),
            int(table.output_tokens[row]),
            str(table.tier[row]),
            float(table.tbt_slo_s[row]),
        )
        for place, row in enumerate(order)
    ]
    finished = table.finished
    measured = spec.get("profile_fingerprint") is None
    engine = spec.get("engine") or "the simulator"
    return ObservedRun(
        name=name,
        settings=EngineSettings(
            engine=f"{engine} ({run['backend'].get('device') or run['backend']['name']})",
            kv_blocks=int(run["kv_blocks"]),
            block_size=int(run["block_size"]),
            max_context_tokens=spec.get("max_context_tokens"),
            prefix_caching=bool(spec.get("prefix_caching")),
            asynchronous=bool(spec.get("async_scheduling")),
            scheduler=_scheduler_of(spec["scheduler"]),
            model=spec.get("model"),
            device=spec.get("gpu") or spec.get("hardware"),
        ),
        requests=requests,
        first_token_s=np.where(finished, table.first_token_s, np.nan)[order],
        last_token_s=np.where(finished, table.last_token_s, np.nan)[order],
        measured=measured,
        gaps_s=token_gaps(table, finished).values,
        notes=() if measured else (OF_A_PROFILE,),
    )


def _scheduler_of(text: str) -> str | None:
    """The scheduler that ran; None if it was the engine's own, which the simulator lacks."""
    return None if isinstance(scheduler_info.build(text), EngineDefault) else text
