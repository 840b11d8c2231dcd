"""What a regression run keeps of a recording: its numbers, and hashes of all that happened."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from slaibench.measure.slo import parse_slos
from slaibench.recording.record import Recording, RequestTable, columns
from slaibench.spec import PAPER_SLO
from slaibench.studies.regression.metrics import Value, values_of
from slaibench.studies.run_summary import RunSummarizer

Key = tuple[str, float, int]
"""Scheduler, rate and seed."""
HASH_DIGITS = 16
FIRST_REQUESTS = 20
"""Fewest requests of a cell. A run that is cut short holds fewer than another of the same load."""
LOAD = (
    *("workload_fingerprint", "arrivals", "tiers", "rate_rps", "seed", "num_requests"),
    *("max_total_tokens", "horizon_s"),
)
"""Fields of a cell that decide its requests."""
SLOS = parse_slos(PAPER_SLO)
UNSERVED = "unserved"
"""An infinite value, for which JSON has no number."""


@dataclass(frozen=True, slots=True)
class Replicate:
    """One run of a scheduler at a rate.

    Args:
        load: hash of its requests; the same for the same requests.
        content: hash of what came: every token's time, every step.
        cut_s: requests due before this were left out (warm-up).
        saturated: as ``RunSummary.saturated``.
        stopped_early: cut short for it: latencies are of fewer requests.
        invalid: why it is no measurement, or None.
        values: by metric (and tier).
    """

    scheduler: str
    rate_rps: float
    seed: int
    load: str
    content: str
    cut_s: float
    saturated: bool
    stopped_early: bool
    invalid: str | None
    values: Mapping[str, Value]

    @property
    def key(self) -> Key:
        return self.scheduler, self.rate_rps, self.seed

    def to_json(self) -> dict[str, Any]:
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **plain,
            "values": {
                name: [_to_json(value.value), value.n]
                for name, value in sorted(self.values.items())
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Replicate:
        """Raises KeyError, TypeError or ValueError where the values are not of this form."""
        plain = {field.name: data[field.name] for field in fields(cls)}
        values = {
            name: Value(_from_json(value), int(n)) for name, (value, n) in data["values"].items()
        }
        return cls(**{**plain, "rate_rps": float(data["rate_rps"]), "values": values})


@dataclass(frozen=True, slots=True)
class Reader:
    """Callable from recording to replicate; can be sent to worker processes.

    Args:
        convention: whose definitions.
        metrics: names of those that are wanted.
        cuts: warm-up cuts that another run's replicates were measured with, so that the same
            requests are compared; where there is none, the run's own is found.
    """

    convention: str
    metrics: tuple[str, ...]
    cuts: Mapping[Key, float]

    def __call__(self, recording: Recording) -> Replicate:
        spec, requests = recording.run["spec"], recording.requests
        key = key_of(spec)
        summarizer = RunSummarizer.for_study(self.convention, SLOS)
        summary = summarizer(recording, self.cuts.get(key))
        return Replicate(
            *key,
            load=load_hash(spec, requests),
            content=content_hash(recording),
            cut_s=summary.metrics.window_s[0],
            saturated=summary.saturated,
            stopped_early=summary.stopped_early is not None,
            invalid=summary.invalid,
            values=values_of(self.metrics, recording, summary),
        )


def key_of(spec: Mapping[str, Any]) -> Key:
    """Of a recording's specification."""
    return str(spec["scheduler"]), float(spec["rate_rps"]), int(spec["seed"])


def load_hash(spec: Mapping[str, Any], requests: RequestTable) -> str:
    """Hash of a cell's requests: what was to be drawn, and the first ones that were.

    Another release of NumPy may draw others from the same seed. Later turns of sessions are left
    out: when those are due may depend on what became of the first ones.
    """
    first = np.flatnonzero(requests.turn <= 1)[:FIRST_REQUESTS]
    load = json.dumps({name: spec.get(name) for name in LOAD}, sort_keys=True)
    hashed = hashlib.sha256(load.encode())
    for column in (requests.due_s, requests.prompt_tokens, requests.output_tokens, requests.tier):
        hashed.update(_bytes(column[first]))
    return hashed.hexdigest()[:HASH_DIGITS]


def content_hash(recording: Recording) -> str:
    """Hash of all requests and steps of a recording; times in whole microseconds.

    Of ``run.json`` nothing counts: not the scheduler's code, not a version.
    """
    hashed = hashlib.sha256()
    for table in (recording.requests, recording.steps):
        for name in columns(table):
            hashed.update(name.encode())
            hashed.update(_bytes(getattr(table, name)))
    return hashed.hexdigest()[:HASH_DIGITS]


def _bytes(column: Any) -> bytes:
    if column.dtype.kind == "U":
        return "\0".join(column.tolist()).encode()
    if column.dtype.kind == "f":
        # The last digits of a double may differ between processors; what never was is -1.
        column = np.where(np.isnan(column), -1, np.rint(column * 1e6))
    return np.asarray(column, dtype="<i8").tobytes()


def _to_json(value: float | None) -> float | str | None:
    return UNSERVED if value is not None and math.isinf(value) else value


def _from_json(value: Any) -> float | None:
    if value is None:
        return None
    return math.inf if value == UNSERVED else float(value)
