"""Requests of a run, from a source of lengths, an arrival process, tiers and a seed.

Arrivals, lengths, tiers and token ids each have their own stream, spawned from the seed. So the
same seed gives every scheduler the same requests, and a change of one thing (the rate, the process,
the tiers) leaves the others as they were: common random numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slaibench.workloads.arrivals import ArrivalKind, ArrivalProcess, due_times
from slaibench.workloads.content import token_ids
from slaibench.workloads.errors import WorkloadError, too_few_left, too_few_recorded
from slaibench.workloads.lengths import (
    LEAST_KEPT_SHARE,
    FloatArray,
    IntArray,
    Lengths,
    LengthSource,
    RecordedSource,
)
from slaibench.workloads.own_tiers import objectives
from slaibench.workloads.request import Request
from slaibench.workloads.session_arrivals import SessionArrivals
from slaibench.workloads.session_table import SessionTable
from slaibench.workloads.sessions import session_source
from slaibench.workloads.tiers import DEFAULT_TIERS, Tier, assign

FINGERPRINT_VERSION = 1
"""Goes up when the same source and seed would give other requests."""

DRAWS_TO_TELL = 10_000
"""Draws after which the share kept is known well enough to be compared with the least."""


def generate(
    source: LengthSource,
    process: ArrivalProcess,
    tiers: Sequence[Tier] = DEFAULT_TIERS,
    *,
    rate_rps: float | None,
    num_requests: int,
    seed: int,
    max_total_tokens: int | None = None,
) -> list[Request]:
    """The requests of a run, by due time.

    With `trace` arrivals, rows are taken in recorded order with their recorded times; otherwise
    as the source samples them. Of a source of sessions, sessions arrive, and their turns follow
    (`SessionArrivals`).

    Args:
        source: where lengths come from.
        process: when requests are due.
        tiers: service classes; shares add up to 1.
        rate_rps: requests a second; None where the process needs none (`due_times`).
        num_requests: how many, at least 1.
        seed: at least 0.
        max_total_tokens: most prompt plus output tokens an engine can hold. Longer requests are
            left out (a trace's with their arrivals), never cut; None: none are left out. A session
            ends before the first of them.

    Raises:
        WorkloadError: an argument is out of range, `trace` arrivals with a source that has none or
            too few, or a `max_total_tokens` that leaves too few requests.
    """
    if num_requests < 1:
        raise WorkloadError(f"num_requests must be at least 1, not {num_requests}")
    if seed < 0:
        raise WorkloadError(f"seed must be at least 0, not {seed}")
    if max_total_tokens is not None and max_total_tokens < 2:
        raise WorkloadError(f"max_total_tokens must be at least 2, not {max_total_tokens}")
    if process.kind is ArrivalKind.TRACE:
        _check_recorded(source)
    if (sessions := session_source(source)) is not None:
        return _turns(
            SessionArrivals(
                name=source.name,
                source=sessions,
                process=process,
                tiers=tiers,
                rate_rps=rate_rps,
                num_requests=num_requests,
                seed=seed,
                max_total_tokens=max_total_tokens,
            )
        )
    arrivals_seed, lengths_seed, tiers_seed, _ = np.random.SeedSequence(seed).spawn(4)
    recorded_s: FloatArray | None = None
    if process.kind is ArrivalKind.TRACE:
        lengths, recorded_s = _recorded(source, max_total_tokens)
        if num_requests > len(lengths):
            raise too_few_recorded(source.name, len(lengths), num_requests, max_total_tokens)
    else:
        lengths = _sampled(source, num_requests, lengths_seed, max_total_tokens)
    arrivals = np.random.default_rng(arrivals_seed)
    due_s = due_times(process, rate_rps, num_requests, arrivals, recorded_s)
    tier_of = assign(tiers, num_requests, np.random.default_rng(tiers_seed))
    drawn = [tiers[tier] for tier in tier_of]
    return _requests(source.name, lengths.take(slice(num_requests)), due_s, drawn, tiers)


def _turns(arrivals: SessionArrivals) -> list[Request]:
    plan = arrivals.planned()
    requests = _requests(arrivals.name, plan.lengths, plan.due_s, plan.drawn, arrivals.tiers)
    return [
        replace(request, pieces=pieces, turn=turn)
        for request, pieces, turn in zip(requests, plan.pieces, plan.turns, strict=True)
    ]


def _requests(
    name: str, lengths: Lengths, due_s: FloatArray, drawn: Sequence[Tier], tiers: Sequence[Tier]
) -> list[Request]:
    """Requests in the order of their due times.

    Args:
        name: of the source, for messages.
        drawn: the tier of each, where the lengths do not name it.
        tiers: where their names are looked up if they do.
    """
    contents = lengths.contents
    said = {} if lengths.terms is None else lengths.terms.fields()
    columns = {
        "request_id": list(range(len(lengths))),
        "due_s": due_s.tolist(),
        "prompt_tokens": lengths.prompt_tokens.tolist(),
        "output_tokens": lengths.output_tokens.tolist(),
        **objectives(name, said, drawn, tiers),
        **said,
    }
    if contents is not None:
        columns["pieces"] = [
            contents.pieces(row, row, prompt) for row, prompt in enumerate(columns["prompt_tokens"])
        ]
    rows = zip(*columns.values(), strict=True)
    return [Request(**dict(zip(columns, row, strict=True))) for row in rows]


def prompt_token_ids(request: Request, seed: int, vocab_size: int, first_id: int = 0) -> IntArray:
    """Token ids of a request's prompt: uniform, the same in every run of the seed.

    Args:
        request: one that `generate` made with the same ``seed``.
        seed: the run's.
        vocab_size: ids stay below it.
        first_id: least id, to keep clear of special tokens.

    Raises:
        WorkloadError: there is no id from ``first_id`` to ``vocab_size``.
    """
    if not 0 <= first_id < vocab_size:
        raise WorkloadError(f"no token ids from {first_id} up to vocab_size={vocab_size}")
    if request.pieces:
        return token_ids(request.pieces, seed, vocab_size, first_id)
    # The fourth stream that `generate` spawns, and of that the request's own.
    stream = np.random.SeedSequence(seed, spawn_key=(3, request.request_id))
    rng = np.random.default_rng(stream)
    return rng.integers(first_id, vocab_size, request.prompt_tokens)


def fingerprint(source: LengthSource) -> str:
    """16 hex digits that differ when the source's lengths may differ.

    Of the numbers in a table, of the parameters of a model; a file's name and place do not count.
    """
    text = f"{FINGERPRINT_VERSION}\n{source.identity}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def num_recorded(source: RecordedSource, max_total_tokens: int | None) -> int:
    """Requests that a recording has, those that are too long left out."""
    if isinstance(source, SessionTable):
        sessions, _ = source.recorded_sessions(np.random.default_rng(0))
        return int(sessions.fitting(max_total_tokens).sum())
    return len(_fitting(source, max_total_tokens))


def _fitting(source: RecordedSource, max_total_tokens: int | None) -> IntArray:
    """Rows of a recording that are not too long."""
    total = source.recorded.total_tokens
    return np.flatnonzero(total <= (max_total_tokens or total.max()))


def _check_recorded(source: LengthSource) -> None:
    if not isinstance(source, RecordedSource) or source.arrival_s is None:
        raise WorkloadError(
            f"{source.name} has no recorded arrival times, which trace arrivals need: use "
            "azure-conv or a file with a column arrival_s, or other arrivals, such as poisson"
        )


def _recorded(source: LengthSource, max_total_tokens: int | None) -> tuple[Lengths, FloatArray]:
    assert isinstance(source, RecordedSource)
    assert source.arrival_s is not None
    if max_total_tokens is None:
        return source.recorded, source.arrival_s
    fits = _fitting(source, max_total_tokens)
    return source.recorded.take(fits), source.arrival_s[fits]


def _sampled(
    source: LengthSource,
    num_requests: int,
    seed: np.random.SeedSequence,
    max_total_tokens: int | None,
) -> Lengths:
    if max_total_tokens is None:
        return source.sample(num_requests, np.random.default_rng(seed))
    draws = num_requests
    while True:
        # From the same state each time: a source's first draws do not depend on how many follow.
        lengths = source.sample(draws, np.random.default_rng(seed))
        fits = np.flatnonzero(lengths.total_tokens <= max_total_tokens)
        if len(fits) >= num_requests:
            return lengths.take(fits[:num_requests])
        if draws >= DRAWS_TO_TELL and len(fits) < LEAST_KEPT_SHARE * draws:
            raise too_few_left(source.name, len(fits), f"{draws} requests", max_total_tokens)
        draws *= 2
