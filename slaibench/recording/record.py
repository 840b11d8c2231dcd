"""What a run leaves behind, the same for every backend (docs/metrics.md defines the terms)."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

SCHEMA_VERSION = 2
MAX_UNTIMED_SHARE = 0.01
"""Percentiles are reported up to the P99: with more than one request in a hundred whose tokens have
no times, those of the others describe a choice of them."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Outcome(StrEnum):
    """The one bucket a due request ends in (invariant 1)."""

    FINISHED = "finished"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    UNFINISHED = "unfinished"


_SILENT = "silent"
"""Marks a column that recordings of earlier versions lack: not given, or not stored, all rows have
this value; and where all have it, it is not stored, so that files and hashes of recordings in which
it says nothing stay."""


def _not_given() -> npt.NDArray[Any]:
    return np.empty(0)


def whole_microseconds(times_s: FloatArray) -> FloatArray:
    """Times as they are stored."""
    return np.rint(times_s * 1e6) / 1e6


@dataclass(frozen=True, repr=False)
class RequestTable:
    """Columns of ``requests.parquet``: one row for each due request, by due time.

    Times are seconds after the start of the run; NaN where something never happened. Token times
    of all requests lie end to end in ``token_times_s``; row i owns
    ``token_times_s[token_offsets[i]:token_offsets[i + 1]]``. They are whole microseconds: that is
    how they are stored, and what is in memory must equal what is on disk.
    """

    request_id: IntArray
    due_s: FloatArray
    sent_s: FloatArray
    first_scheduled_s: FloatArray
    prompt_tokens: IntArray
    output_tokens: IntArray
    """Tokens asked for; what came is the number of token times."""
    tier: npt.NDArray[np.str_]
    tbt_slo_s: FloatArray
    outcome: npt.NDArray[np.str_]
    error: npt.NDArray[np.str_]
    """Why it failed, else empty."""
    num_preemptions: IntArray
    token_offsets: IntArray
    token_times_s: FloatArray
    token_times_known: BoolArray = field(default_factory=_not_given, metadata={_SILENT: True})
    """Whether a request's tokens came at these times; where not, some came together and nothing
    says which, so that only the first, the last and their number are known."""
    session: IntArray = field(default_factory=_not_given, metadata={_SILENT: -1})
    """Number of its session in the run; -1: it is in none."""
    turn: IntArray = field(default_factory=_not_given, metadata={_SILENT: 0})
    """Of its session, from 1; 0: it is in none."""
    cached_tokens: IntArray = field(default_factory=_not_given, metadata={_SILENT: 0})
    """Prompt tokens found in the prefix cache when it was first scheduled; 0 where nobody says."""
    ttft_slo_s: FloatArray = field(default_factory=_not_given, metadata={_SILENT: np.inf})
    """Its objective of the time to the first token; infinite: it has none."""
    priority: IntArray = field(default_factory=_not_given, metadata={_SILENT: 0})
    tenant: npt.NDArray[np.str_] = field(default_factory=_not_given, metadata={_SILENT: ""})
    """On whose behalf it is; empty: not said."""

    def __post_init__(self) -> None:
        for it in fields(self):
            if _SILENT in it.metadata and not len(getattr(self, it.name)):
                silent = np.full(len(self), it.metadata[_SILENT])
                object.__setattr__(self, it.name, silent)

    def __len__(self) -> int:
        return len(self.request_id)

    def __repr__(self) -> str:
        return f"<RequestTable: {len(self)} requests>"

    @cached_property
    def gaps_known(self) -> BoolArray:
        """Of which requests times between tokens are reported: of none where too many have none."""
        unknown = int(np.count_nonzero(~self.token_times_known))
        if unknown > MAX_UNTIMED_SHARE * len(self):
            return np.zeros(len(self), dtype=bool)
        return self.token_times_known

    @cached_property
    def num_tokens(self) -> IntArray:
        """Output tokens received, per request."""
        return np.diff(self.token_offsets)

    @cached_property
    def first_token_s(self) -> FloatArray:
        """Time of the first token; NaN without one."""
        out = np.full(len(self), np.nan)
        got = self.num_tokens > 0
        out[got] = self.token_times_s[self.token_offsets[:-1][got]]
        return out

    @cached_property
    def last_token_s(self) -> FloatArray:
        """Time of the last token received; NaN without one."""
        out = np.full(len(self), np.nan)
        got = self.num_tokens > 0
        out[got] = self.token_times_s[self.token_offsets[1:][got] - 1]
        return out

    @cached_property
    def ttft_s(self) -> FloatArray:
        """First token minus due time; NaN without a first token."""
        return self.first_token_s - self.due_s

    @cached_property
    def finished(self) -> npt.NDArray[np.bool_]:
        """Of each request, whether it finished."""
        done: npt.NDArray[np.bool_] = self.outcome == Outcome.FINISHED.value
        return done


@dataclass(frozen=True, repr=False)
class StepTable:
    """Columns of ``steps.parquet``: one row for each engine step (batch).

    ``waiting``, ``active`` and ``kv_blocks_used`` are as the batch ran (after its admissions).
    Empty where the engine does not say (an HTTP endpoint).
    """

    start_s: FloatArray
    end_s: FloatArray
    prefill_tokens: IntArray
    decodes: IntArray
    critical_decodes: IntArray
    waiting: IntArray
    active: IntArray
    kv_blocks_used: IntArray
    preemptions: IntArray

    def __len__(self) -> int:
        return len(self.start_s)

    def __repr__(self) -> str:
        return f"<StepTable: {len(self)} batches>"

    @classmethod
    def empty(cls) -> StepTable:
        """Of who does not say what its batches were."""
        none, whole = np.empty(0), np.empty(0, dtype=np.int64)
        return cls(none, none, *[whole] * 7)

    @property
    def tokens(self) -> IntArray:
        """Of each batch: those of its chunks, and one for each decode."""
        return self.prefill_tokens + self.decodes


@dataclass(frozen=True, repr=False)
class ServerTable:
    """Columns of ``server.parquet``: one row for each time that the server's metrics were read.

    Times are seconds after the start of the run; the first row may lie before it, and the last
    after its end. NaN where the server says nothing of a quantity. The last three are counts since
    the server's start, which begin again where it is started anew.
    """

    asked_s: FloatArray
    answered_s: FloatArray
    waiting: FloatArray
    """Requests that wait to be admitted."""
    running: FloatArray
    """Requests that are in batches."""
    kv_use: FloatArray
    """Share of the KV cache in use, from 0 to 1."""
    preemptions: FloatArray
    prefix_hits: FloatArray
    """Prompt tokens found in the prefix cache."""
    prefix_queries: FloatArray
    """Prompt tokens looked for there."""

    def __len__(self) -> int:
        return len(self.asked_s)

    def __repr__(self) -> str:
        return f"<ServerTable: {len(self)} readings>"


@dataclass(frozen=True, repr=False)
class Recording:
    """One run: its specification and outcome (``run``), its requests and its steps.

    ``run`` holds at least: ``schema_version``, ``spec`` (the cell's whole specification),
    ``spec_hash``, ``scheduler`` (name and options), ``backend``, ``versions``, ``hardware``,
    ``convention``, ``kv_blocks``, ``block_size``, ``end_s`` (when the run ended), ``stopped_early``
    (why it was stopped, or None) and ``notes``; under a real clock also ``steadiness``
    (``slaibench.machine.watch.Seen.facts``), and ``invalid``, why it is no measurement, where its
    backend knows that it is none. ``server`` is None where no server's metrics were read.
    """

    run: dict[str, Any]
    requests: RequestTable
    steps: StepTable
    server: ServerTable | None = None
    path: str | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        spec = self.run.get("spec", {})
        load = f"at {spec.get('rate_rps')} requests/s"
        if clients := spec.get("concurrency"):
            load = f"with {clients} clients"
        what = f"{spec.get('scheduler')} {load}"
        size = f"{len(self.requests)} requests, {len(self.steps)} batches"
        return f"<Recording: {what}, seed {spec.get('seed')}; {size}>"


def may_lack(column: Field[Any]) -> bool:
    """Whether a stored table may lack a column of its class."""
    return _SILENT in column.metadata


def first_rows(requests: RequestTable, count: int) -> RequestTable:
    """The first requests of a table."""
    offsets = requests.token_offsets[: count + 1]
    columns = {
        name: getattr(requests, name)[:count]
        for name in RequestTable.__dataclass_fields__
        if name not in ("token_offsets", "token_times_s")
    }
    tokens = requests.token_times_s[: int(offsets[-1])]
    return replace(requests, **columns, token_offsets=offsets, token_times_s=tokens)


def columns(table: RequestTable | StepTable) -> tuple[str, ...]:
    """Names of a table's columns that say something."""
    return tuple(
        it.name
        for it in fields(table)
        if not may_lack(it) or bool((getattr(table, it.name) != it.metadata[_SILENT]).any())
    )
