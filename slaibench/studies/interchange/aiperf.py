"""Records of AIPerf (``profile_export.jsonl``; its models of release 0.13, Apache-2.0).

A record a line: ``metadata``, ``metrics`` (each a value and a unit) and ``error``. The summary
beside it, ``profile_export_aiperf.json``, says which model and what load.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.recording.record import Recording
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

TOOL = "AIPerf"
RECORDS, SUMMARY = "profile_export.jsonl", "profile_export_aiperf.json"
_NS = 1e-9
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "sec": 1.0, "s": 1.0}


def is_aiperf(value: Any) -> bool:
    """Whether a JSON value is a record or a summary of AIPerf's."""
    return isinstance(value, dict) and ("metadata" in value or "request_latency" in value)


def read(path: Path) -> list[ForeignRun]:
    """The run of a file of records, or of the summary that lies beside one.

    Raises:
        ForeignFileError: it is no such file, its responses were not streamed, or there is a
            summary alone.
    """
    values = list(json_values(read_text(path), path))
    if len(values) == 1 and isinstance(values[0], dict) and "request_latency" in values[0]:
        records = path.with_name(path.name.replace("_aiperf.json", ".jsonl"))
        if records == path or not records.exists():
            raise ForeignFileError(
                f"{str(path)!r} is a summary, and percentiles alone have no interval: put its "
                f"{RECORDS} beside it (aiperf --export-level records)"
            )
        return read(records)
    requests = []
    for line, record in enumerate(values, 1):
        request = _request(record, f"{path}, record {line}")
        if request is not None:
            requests.append(request)
    if not requests:
        raise ForeignFileError(f"{str(path)!r} has no record of the profiling phase")
    model, rate, closed_loop = _load_of(path)
    return [ForeignRun(TOOL, model, rate, closed_loop, tuple(requests))]


def _request(record: Any, where: str) -> ForeignRequest | None:
    """A record; None: it is of the warm-up."""
    if not isinstance(record, dict) or not isinstance(record.get("metadata"), dict):
        raise ForeignFileError(f"{where} is no record of {TOOL}")
    metadata, metrics = record["metadata"], record.get("metrics") or {}
    if metadata.get("benchmark_phase") == "warmup":
        return None
    sent_s = number(metadata, "request_start_ns", where) * _NS
    issued = metadata.get("credit_issued_ns")
    due_s = None if issued is None else number(metadata, "credit_issued_ns", where) * _NS
    error = record.get("error")
    if error:
        words = error.get("message") or error.get("type") if isinstance(error, dict) else error
        lengths = metrics.get("error_isl") or metrics.get("input_sequence_length")
        prompt = int(_value(lengths, "error_isl", where)) if lengths else 1
        return ForeignRequest(due_s, sent_s, max(1, prompt), np.empty(0), True, str(words)[:200])
    if "time_to_first_token" not in metrics:
        raise ForeignFileError(
            f"{where} has no time_to_first_token: responses were not streamed; run aiperf with "
            "--streaming"
        )
    first_s = sent_s + _seconds(metrics, "time_to_first_token", where)
    num_tokens = max(1, round(_value(metrics.get("output_sequence_length"), "tokens", where)))
    chunks = metrics.get("inter_chunk_latency")
    if chunks is not None:
        scale = _scale(chunks, "inter_chunk_latency", where)
        gaps = [gap * scale for gap in numbers(chunks.get("value"), "inter_chunk_latency", where)]
    elif num_tokens > 1:
        gaps = [max(0.0, sent_s + _seconds(metrics, "request_latency", where) - first_s)]
    else:
        gaps = []
    times, times_known = token_times(first_s, gaps, num_tokens)
    prompt = int(_value(metrics.get("input_sequence_length"), "input_sequence_length", where))
    return ForeignRequest(due_s, sent_s, max(1, prompt), times, times_known, None)


def _value(metric: Any, name: str, where: str) -> float:
    if not isinstance(metric, dict):
        raise ForeignFileError(f"{where} has no {name}")
    return number(metric, "value", f"{where}, {name}")


def _seconds(metrics: Mapping[str, Any], name: str, where: str) -> float:
    metric = metrics.get(name)
    return _value(metric, name, where) * _scale(metric, name, where)


def _scale(metric: Any, name: str, where: str) -> float:
    unit = metric.get("unit") if isinstance(metric, dict) else None
    if unit not in _SECONDS:
        raise ForeignFileError(
            f"{where}: {name} has the unit {unit!r}, not one of {', '.join(_SECONDS)}"
        )
    return _SECONDS[unit]


def _load_of(path: Path) -> tuple[str | None, float | None, bool]:
    """Model, rate and whether the loop was closed, from the summary beside the records.

    Its ``input_config`` differs between releases; what is not found is not known.
    """
    summary = path.with_name(path.name.replace(".jsonl", "_aiperf.json"))
    if summary == path or not summary.exists():
        return None, None, False
    content: Any = next(json_values(read_text(summary), summary), None)
    config = content.get("input_config") if isinstance(content, dict) else None
    models = _first(config, "model_names")
    model = models[0] if isinstance(models, list) and models else None
    rate, concurrency = _first(config, "request_rate"), _first(config, "concurrency")
    has_rate = isinstance(rate, int | float) and not isinstance(rate, bool)
    return (
        model if isinstance(model, str) else None,
        float(rate) if has_rate else None,
        isinstance(concurrency, int) and not isinstance(concurrency, bool),
    )


def _first(config: Any, name: str) -> Any:
    """The first value of a name in nested objects that is not null."""
    if not isinstance(config, dict):
        return None
    if config.get(name) is not None:
        return config[name]
    inner = (_first(value, name) for value in config.values())
    return next((value for value in inner if value is not None), None)


def written(recording: Recording) -> str:
    """A recording as lines of records: from sending, by AIPerf's own definitions.

    Its inter-token latency is one number a request, ``(latency - TTFT) / (tokens - 1)``; gaps
    between tokens are its inter-chunk latencies.
    """
    table = recording.requests
    lines = []
    for row in np.flatnonzero(np.isfinite(table.sent_s)):
        times = table.token_times_s[table.token_offsets[row] : table.token_offsets[row + 1]]
        sent_s = float(table.sent_s[row])
        done = bool(table.finished[row])
        last_s = float(times[-1]) if len(times) else sent_s
        record: dict[str, Any] = {
            "metadata": {
                "session_num": int(row),
                "credit_issued_ns": round(float(table.due_s[row]) / _NS),
                "request_start_ns": round(sent_s / _NS),
                "request_end_ns": round(last_s / _NS),
                "worker_id": "slaibench",
                "record_processor_id": "slaibench",
                "benchmark_phase": "profiling",
                "was_cancelled": False,
            },
            "metrics": {},
            "error": None,
        }
        if done:
            record["metrics"] = {
                "input_sequence_length": _metric(int(table.prompt_tokens[row]), "tokens"),
                "output_sequence_length": _metric(len(times), "tokens"),
                "time_to_first_token": _milliseconds(float(times[0]) - sent_s),
                "request_latency": _milliseconds(last_s - sent_s),
            }
            if len(times) > 1:
                mean_s = (last_s - float(times[0])) / (len(times) - 1)
                record["metrics"] |= {"inter_token_latency": _milliseconds(mean_s)}
                if table.token_times_known[row]:
                    gaps = (np.diff(times) * 1000).tolist()
                    record["metrics"] |= {"inter_chunk_latency": _metric(gaps, "ms")}
        else:
            words = str(table.error[row]) or str(table.outcome[row])
            record["metrics"] = {"error_isl": _metric(int(table.prompt_tokens[row]), "tokens")}
            record["error"] = {"type": str(table.outcome[row]), "message": words}
        lines.append(json.dumps(record, allow_nan=False))
    return "\n".join(lines) + "\n"


def _metric(value: Any, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit}


def _milliseconds(seconds: float) -> dict[str, Any]:
    return _metric(seconds * 1000, "ms")
