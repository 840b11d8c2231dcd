"""What client processes report of their requests, and what is made of it: a table, and facts."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np

from slaibench.client.exchange import Exchange
from slaibench.client.tokens import Counted
from slaibench.recording.record import FloatArray, Outcome, RequestTable, whole_microseconds
from slaibench.workloads.request import Request, request_columns
from slaibench.workloads.schedule import waits

MOST_TIMES = 10
MOST_MORE = 10_000
"""A count may be so many times what was sent, and so many tokens more: a chat template and a
system prompt of the server's come on top, and words of few letters may be of several tokens."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """How one request went. Times are monotonic seconds; ``tokens`` the bytes of doubles;
    ``counted``: by what they were counted; ``due_s``: None where the schedule alone says it."""

    position: int
    sent_s: float | None
    left_s: float | None
    outcome: Outcome | None
    error: str
    prompt_tokens: int | None
    tokens: bytes
    counted: Counted = Counted.USAGE
    due_s: float | None = None
    cached_tokens: int = 0

    @classmethod
    def of(cls, exchange: Exchange) -> ResultRow:
        """Of a request as far as it went."""
        return cls(
            exchange.index,
            exchange.sent_s,
            exchange.left_s,
            exchange.outcome,
            exchange.error,
            exchange.prompt_tokens,
            exchange.token_times_s.tobytes(),
            exchange.counted,
            exchange.due_s,
            exchange.cached_tokens,
        )

    @classmethod
    def lost(cls, position: int, error: str, left_s: float, due_s: float) -> ResultRow:
        """Of a request whose client process died: what it read is lost with it."""
        return cls(position, None, left_s, Outcome.FAILED, error, None, b"", due_s=due_s)


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a process hands back at its end: a row for each request it sent or tried to."""

    rows: list[ResultRow]
    reads: int
    reads_of_several: int
    tokens: int
    connections: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """How the load was made.

    Args:
        processes: client processes.
        reads: network reads that brought tokens.
        reads_of_several: those that brought more than one; each gives one gap and else zeros.
        tokens: tokens read, also those of requests that failed later.
        cpu_us_a_token: CPU time of all processes from start to end, over ``tokens``; None without
            tokens.
        lag_p50_s, lag_p99_s, lag_max_s: sent minus due; None where nothing was sent.
        connections: opened in all, those before the start included.
        counted: requests with tokens, by what these were counted (``slaibench.client.tokens``).
    """

    processes: int
    reads: int
    reads_of_several: int
    tokens: int
    cpu_us_a_token: float | None
    lag_p50_s: float | None
    lag_p99_s: float | None
    lag_max_s: float | None
    connections: int
    counted: dict[str, int]

    @classmethod
    def of(
        cls,
        reports: Sequence[WorkerReport],
        rows: Iterable[ResultRow],
        lag_s: FloatArray,
        processes: int,
    ) -> ClientFacts:
        """From what was reported.

        Args:
            rows: of every request that was tried.
            lag_s: sent minus due; NaN where nothing was sent.
            processes: client processes, those that reported nothing included.
        """
        lag_s = lag_s[~np.isnan(lag_s)]
        quantiles = (0.5, 0.99, 1.0)
        p50, p99, longest = np.quantile(lag_s, quantiles).tolist() if len(lag_s) else [None] * 3
        tokens = sum(report.tokens for report in reports)
        cpu_s = sum(report.cpu_s for report in reports)
        return cls(
            processes=processes,
            reads=sum(report.reads for report in reports),
            reads_of_several=sum(report.reads_of_several for report in reports),
            tokens=tokens,
            cpu_us_a_token=cpu_s / tokens * 1e6 if tokens else None,
            lag_p50_s=p50,
            lag_p99_s=p99,
            lag_max_s=longest,
            connections=sum(report.connections for report in reports),
            counted=dict(Counter(row.counted.value for row in rows if row.tokens)),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def request_table(
    requests: Sequence[Request], rows: Mapping[int, ResultRow], t0_s: float, end_s: float
) -> RequestTable:
    """One row for each request due by ``end_s`` (invariant 1), by due time.

    Whatever came after ``end_s`` did not happen: its tokens are cut, and a request that ended later
    is unfinished. Times become microseconds after ``t0_s``.

    Args:
        requests: the schedule.
        rows: by position in it; a request without one was never tried.
        t0_s: monotonic time of the run's start.
        end_s: the run's end, after its start.
    """
    requests = requests[: bisect_right(requests, end_s, key=attrgetter("due_s"))]
    count = len(requests)
    sent = np.full(count, np.nan)
    asked = request_columns(requests)
    prompt_tokens = asked["prompt_tokens"]
    cached_tokens = np.zeros(count, dtype=np.int64)
    outcomes = [Outcome.UNFINISHED.value] * count
    errors = [""] * count
    times: list[FloatArray] = []
    times_known = np.ones(count, dtype=bool)
    for position in range(count):
        row = rows.get(position)
        if row is None:
            times.append(np.empty(0))
            continue
        if row.sent_s is not None and row.sent_s - t0_s <= end_s:
            sent[position] = row.sent_s - t0_s
        times_known[position] = row.counted is not Counted.TOTAL
        counted = row.prompt_tokens
        if counted is not None and is_plausible(requests[position].prompt_tokens, counted):
            prompt_tokens[position] = counted
            cached_tokens[position] = row.cached_tokens
        seen = np.frombuffer(row.tokens, dtype=np.float64) - t0_s
        times.append(seen[: np.searchsorted(seen, end_s, side="right")])
        if row.outcome is not None and row.left_s is not None and row.left_s - t0_s <= end_s:
            outcomes[position] = row.outcome.value
            errors[position] = row.error
    due = np.array([request.due_s for request in requests], dtype=np.float64)
    rounded = whole_microseconds(sent)
    return RequestTable(
        **asked,
        due_s=due,
        # Rounding must not let a request leave before it was due (invariant 3).
        sent_s=np.where(sent >= due, np.maximum(rounded, due), rounded),
        first_scheduled_s=np.full(count, np.nan),
        outcome=np.array(outcomes, dtype=np.str_),
        error=np.array(errors, dtype=np.str_),
        num_preemptions=np.zeros(count, dtype=np.int64),
        cached_tokens=cached_tokens,
        token_offsets=np.concatenate(
            [
                np.zeros(1, dtype=np.int64),
                np.cumsum([len(of_request) for of_request in times], dtype=np.int64),
            ]
        ),
        token_times_s=whole_microseconds(np.concatenate(times) if times else np.empty(0)),
        token_times_known=times_known,
    )


def as_they_came(
    requests: Sequence[Request], rows: Mapping[int, ResultRow], t0_s: float, *, closed: bool
) -> tuple[list[Request], dict[int, ResultRow]]:
    """The requests in the order in which they were due, where that was decided on the way, with
    their rows by place in that order. Those that nobody took or waited long enough for are left
    out.

    Args:
        requests, rows, t0_s: as ``request_table``.
        closed: of a closed loop: no request has a time of its own. Else of half-open sessions.
    """

    def due_s(position: int) -> float:
        if not closed and not waits(requests[position]):
            return requests[position].due_s
        moved_s = rows[position].due_s
        assert moved_s is not None
        return max(0.0, moved_s - t0_s)

    order = sorted(rows, key=lambda position: (due_s(position), position))
    taken = [replace(requests[position], due_s=due_s(position)) for position in order]
    return taken, {place: rows[position] for place, position in enumerate(order)}


def is_plausible(sent: int, counted: int) -> bool:
    """Whether the count can be of a prompt of so many tokens."""
    return sent // MOST_TIMES <= counted <= MOST_TIMES * sent + MOST_MORE


def prompt_count_notes(pairs: Iterable[tuple[int, int | None]]) -> list[str]:
    """What a reader must know of counts that are not used.

    Args:
        pairs: of each request: tokens sent, tokens that the server counted; None: it did not say.
    """
    wrong = [(sent, n) for sent, n in pairs if n is not None and not is_plausible(sent, n)]
    if not wrong:
        return []
    sent, counted = max(wrong, key=lambda pair: pair[1])
    return [
        f"the server's counts of prompt tokens (usage.prompt_tokens) cannot be of what was sent, "
        f"as {counted:,} of a prompt of {sent:,} tokens, and are not used"
    ]
