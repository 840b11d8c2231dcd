"""A run that another load generator measured, as its result file holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.recording.record import FloatArray, Outcome, RequestTable, whole_microseconds

CLOSED_LOOP = (
    "its load was a closed loop (a request waited until another ended), so it offered what the "
    "server could take: its latencies are of that load, and no capacity follows from them"
)
SENT_NOT_DUE = (
    "when its requests were due is not in the file: latencies count from when they were sent, and "
    "leave out what they waited for at the sender"
)


class ForeignFileError(ValueError):
    """A result file cannot be used; the message names the file, what it lacks and the way out."""


@dataclass(frozen=True, slots=True)
class ForeignRequest:
    """A request of such a run, times in seconds on one clock.

    Args:
        due_s: when it was to be sent; None: unknown.
        token_times_s: of its tokens, ascending, shape (tokens,).
        times_known: whether its tokens came at these times; where not, several came together and
            only the first, the last and their number are known.
        error: why it failed; None: it did not.
    """

    due_s: float | None
    sent_s: float
    prompt_tokens: int
    token_times_s: FloatArray
    times_known: bool
    error: str | None


@dataclass(frozen=True, slots=True)
class ForeignRun:
    """A run of another load generator.

    Args:
        tool: which one made it.
        model: what it called the model; None: it does not say.
        rate_rps: the rate that it was asked for; None: none.
        closed_loop: whether requests waited for others to end.
        requests: in any order; at least one.
    """

    tool: str
    model: str | None
    rate_rps: float | None
    closed_loop: bool
    requests: tuple[ForeignRequest, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its numbers must know."""
        notes = [f"measured by {self.tool}, and imported from its result file"]
        if any(request.due_s is None for request in self.requests):
            notes.append(SENT_NOT_DUE)
        if self.closed_loop:
            notes.append(CLOSED_LOOP)
        return tuple(notes)

    @property
    def offered_rps(self) -> float:
        """The rate that it was asked for, or else that at which requests were sent, to three
        digits."""
        if self.rate_rps is not None and not self.closed_loop:
            return self.rate_rps
        sent = sorted(request.sent_s for request in self.requests)
        if sent[-1] <= sent[0]:
            return float(len(sent))
        return float(f"{(len(sent) - 1) / (sent[-1] - sent[0]):.3g}")

    def table(self, tier: str, tbt_slo_s: float) -> RequestTable:
        """Its requests by due time, in seconds after the first was due; all of one tier."""
        start = min(_due(request) for request in self.requests)
        ordered = sorted(self.requests, key=lambda request: (_due(request), request.sent_s))
        times = [whole_microseconds(request.token_times_s - start) for request in ordered]
        counts = np.array([len(of_request) for of_request in times], dtype=np.int64)
        number = len(ordered)
        return RequestTable(
            request_id=np.arange(number, dtype=np.int64),
            due_s=np.array([_due(request) for request in ordered]) - start,
            sent_s=np.array([request.sent_s for request in ordered]) - start,
            first_scheduled_s=np.full(number, np.nan),
            prompt_tokens=np.array([it.prompt_tokens for it in ordered], dtype=np.int64),
            output_tokens=np.maximum(counts, 1),
            tier=np.full(number, tier),
            tbt_slo_s=np.full(number, tbt_slo_s),
            outcome=np.array(
                [(Outcome.FAILED if it.error else Outcome.FINISHED).value for it in ordered]
            ),
            error=np.array([it.error or "" for it in ordered]),
            num_preemptions=np.zeros(number, dtype=np.int64),
            token_offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            token_times_s=np.concatenate(times),
            token_times_known=np.array([it.times_known for it in ordered]),
        )


def token_times(
    first_s: float, gaps_s: Sequence[float], num_tokens: int
) -> tuple[FloatArray, bool]:
    """Times of a request's tokens from those of the chunks that brought them.

    Args:
        first_s: of the first chunk.
        gaps_s: between chunks.
        num_tokens: that came in all of them.

    Returns:
        The times, shape (num_tokens,), and whether each chunk brought one token. Where not, tokens
        between the first and the last lie evenly: that is no measurement, and is marked as none.
    """
    chunks = first_s + np.concatenate([[0.0], np.cumsum(np.asarray(gaps_s, dtype=np.float64))])
    if len(chunks) == num_tokens:
        return chunks, True
    if num_tokens == 1:
        return chunks[:1], True
    return np.linspace(chunks[0], chunks[-1], num_tokens), False


def read_text(path: Path) -> str:
    """The text of a result file.

    Raises:
        ForeignFileError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ForeignFileError(f"cannot read {str(path)!r}: {reason}") from error


def json_values(text: str, path: Path) -> Iterator[Any]:
    """The JSON values of a file, which may hold several one after the other.

    Raises:
        ForeignFileError: a part of it is no JSON.
    """
    decoder = json.JSONDecoder()
    place = 0
    while rest := text[place:].lstrip():
        place = len(text) - len(rest)
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            raise ForeignFileError(f"{str(path)!r} is not JSON: {error}") from error
        yield value


def number(row: Mapping[str, Any], name: str, where: str) -> float:
    """A finite number of an object.

    Raises:
        ForeignFileError: it is missing, or none.
    """
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ForeignFileError(f"{where}: {name} must be a number, not {value!r:.60}")
    if not -1e18 < value < 1e18:
        raise ForeignFileError(f"{where}: {name} is out of range: {value!r:.60}")
    return float(value)


def numbers(values: Any, name: str, where: str) -> list[float]:
    """A list of finite numbers, none of them below 0.

    Raises:
        ForeignFileError: it is something else.
    """
    if not isinstance(values, list):
        raise ForeignFileError(f"{where}: {name} must be a list of numbers, not {values!r:.60}")
    for value in values:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value < 1e18:
            raise ForeignFileError(
                f"{where}: {name} must hold numbers of at least 0, not {value!r:.60}"
            )
    return [float(value) for value in values]


def _due(request: ForeignRequest) -> float:
    """A request cannot be sent before it is due: clocks of two processes may differ a little."""
    return request.sent_s if request.due_s is None else min(request.due_s, request.sent_s)
