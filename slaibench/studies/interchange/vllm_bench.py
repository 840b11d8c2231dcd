"""The result JSON of ``vllm bench serve`` (vllm/benchmarks/serve.py of vLLM 0.32, Apache-2.0)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.measure.latency import token_gaps
from slaibench.recording.record import FloatArray, Recording
from slaibench.studies.interchange.foreign_run import (
    ForeignFileError,
    ForeignRequest,
    ForeignRun,
    json_values,
    number,
    numbers,
    read_text,
    token_times,
)

TOOL = "vllm bench serve"
DETAILS = ("input_lens", "output_lens", "ttfts", "itls", "start_times")
PERCENTILES = (50, 90, 95, 99)
_SAVE = "run it with --save-result --save-detailed"


def is_vllm_bench(value: Any) -> bool:
    """Whether a JSON value is such a result."""
    return isinstance(value, dict) and "request_throughput" in value and "completed" in value


def read(path: Path) -> list[ForeignRun]:
    """The runs of a file (``--append-result`` puts several into one).

    Raises:
        ForeignFileError: it is no such file, or has no detail of its requests.
    """
    values = list(json_values(read_text(path), path))
    return [_run(value, f"{path}, result {place}") for place, value in enumerate(values, 1)]


def _run(result: Any, where: str) -> ForeignRun:
    if not is_vllm_bench(result):
        raise ForeignFileError(f"{where} is no result of {TOOL}")
    missing = [name for name in DETAILS if name not in result]
    if len(missing) == len(DETAILS):
        raise ForeignFileError(
            f"{where} is a summary, and percentiles alone have no interval: {_SAVE}"
        )
    if missing:
        raise ForeignFileError(f"{where} lacks {', '.join(missing)}: {_SAVE}, with a newer vLLM")
    lists = {name: result[name] for name in DETAILS}
    sizes = {name: len(values) for name, values in lists.items() if isinstance(values, list)}
    if len(sizes) < len(DETAILS) or len(set(sizes.values())) != 1 or not sizes["ttfts"]:
        raise ForeignFileError(f"{where}: {', '.join(DETAILS)} must be lists of one length")
    errors = result.get("errors")
    if not isinstance(errors, list) or len(errors) != sizes["ttfts"]:
        errors = [""] * sizes["ttfts"]
    requests = tuple(
        _request({name: values[row] for name, values in lists.items()}, errors[row], where, row)
        for row in range(sizes["ttfts"])
    )
    rate = result.get("request_rate")
    model = result.get("model_id")
    return ForeignRun(
        tool=TOOL,
        model=model if isinstance(model, str) else None,
        rate_rps=number(result, "request_rate", where) if isinstance(rate, int | float) else None,
        closed_loop=result.get("max_concurrency") is not None,
        requests=requests,
    )


def _request(row: Mapping[str, Any], error: Any, where: str, place: int) -> ForeignRequest:
    at = f"{where}, request {place + 1}"
    sent_s, ttft_s = number(row, "start_times", at), number(row, "ttfts", at)
    num_tokens = int(number(row, "output_lens", at))
    gaps = numbers(row["itls"], "itls", at)
    failed = bool(error) or num_tokens < 1
    times, times_known = (
        (np.empty(0), True) if failed else token_times(sent_s + ttft_s, gaps, num_tokens)
    )
    return ForeignRequest(
        due_s=None,
        sent_s=sent_s,
        prompt_tokens=max(1, int(number(row, "input_lens", at))),
        token_times_s=times,
        times_known=times_known,
        error=(str(error).strip().splitlines() or ["no token came"])[-1] if failed else None,
    )


def written(recording: Recording) -> dict[str, Any]:
    """A recording as such a result: vLLM's own definitions, from sending, over what finished.

    TPOT is a request's ``(latency - TTFT) / (tokens - 1)``, ITL the gaps of all requests together.
    What slaibench does not know (the tokenizer, the texts) is left out.
    """
    table, spec = recording.requests, recording.run["spec"]
    done = table.finished
    ttft = table.first_token_s - table.sent_s
    latency = table.last_token_s - table.sent_s
    tokens = table.num_tokens
    several = done & (tokens > 1)
    tpot = (latency - ttft)[several] / (tokens[several] - 1)
    bounds = table.token_offsets
    gaps = [np.diff(table.token_times_s[a:b]) for a, b in pairwise(bounds)]
    duration = float(recording.run["end_s"]) - float(table.sent_s[np.isfinite(table.sent_s)].min())
    sent = np.isfinite(table.sent_s)
    result: dict[str, Any] = {
        "backend": "openai",
        "label": spec["scheduler"],
        "model_id": spec["model"],
        "num_prompts": len(table),
        "request_rate": "inf" if spec["rate_rps"] is None else spec["rate_rps"],
        "max_concurrency": spec.get("concurrency"),
        "duration": duration,
        "completed": int(done.sum()),
        "failed": int((sent & ~done).sum()),
        "total_input_tokens": int(table.prompt_tokens[done].sum()),
        "total_output_tokens": int(tokens[done].sum()),
        "request_throughput": float(done.sum()) / duration,
        "output_throughput": float(tokens[done].sum()) / duration,
        "total_token_throughput": float((tokens + table.prompt_tokens)[done].sum()) / duration,
        "input_lens": table.prompt_tokens[sent].tolist(),
        "output_lens": np.where(done, tokens, 0)[sent].tolist(),
        "ttfts": np.where(done, ttft, 0.0)[sent].tolist(),
        "itls": [gaps[row].tolist() if done[row] else [] for row in np.flatnonzero(sent)],
        "start_times": table.sent_s[sent].tolist(),
        "errors": [
            "" if done[row] else str(table.error[row]) or str(table.outcome[row])
            for row in np.flatnonzero(sent)
        ],
    }
    samples = {
        "ttft": ttft[done],
        "tpot": tpot,
        "itl": token_gaps(table, done).values,
        "e2el": latency[done],
    }
    for name, values in samples.items():
        result |= _statistics(name, values)
    return result


def _statistics(name: str, values_s: FloatArray, levels: Sequence[int] = PERCENTILES) -> Any:
    if not len(values_s):
        return {}
    milliseconds = values_s * 1000
    return {
        f"mean_{name}_ms": float(milliseconds.mean()),
        f"median_{name}_ms": float(np.median(milliseconds)),
        f"std_{name}_ms": float(milliseconds.std()),
        **{f"p{q}_{name}_ms": float(np.percentile(milliseconds, q)) for q in levels},
    }
