"""How large a client a load takes: its processes, connections, and open files."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from slaibench.machine.hardware import num_cores
from slaibench.workloads.request import Request

CPU_S_A_TOKEN = 15e-6
CPU_S_A_REQUEST = 250e-6
"""What a client process spends (benchmarks/client_accuracy.py on a 2-core EPYC machine, rounded
up; docs/client.md has the figures)."""
BUSY_SHARE = 0.4
"""Of a core, at most, for one process: a busier one reads and sends late."""
FASTEST_STREAM_TOKENS_PER_S = 100.0
"""A burst is due at once and yet not served at once: its tokens take at least this long."""
SPARE_WINDOW_S = 0.1
"""Time a new connection may take to be there; what is due within it needs spares."""

_OTHER_FILES = 64
"""What a process has open besides connections."""
MAX_REQUEST_TOKENS = 1 << 24
"""Prompt and output of a request. No model has a longer context, and a prompt of so many token ids
is 100 MB to send."""


class ClientError(RuntimeError):
    """A load that cannot be had; the message says what to change."""


def num_processes(
    requests: Sequence[Request], cores: int | None = None, concurrency: int | None = None
) -> int:
    """Client processes so that none is busy for more than ``BUSY_SHARE``.

    From the offered load: tokens and requests over the time in which they are due (at least as long
    as the longest output takes). A saturated server is slower, so this is an upper bound.

    Args:
        cores: the machine's, of which one is left to others; None: those this process may use.
        concurrency: clients of a closed loop, each of which reads one stream at a time.
    """
    if not requests:
        return 1
    if cores is None:
        cores = num_cores()
    if concurrency is not None:
        busy = concurrency * FASTEST_STREAM_TOKENS_PER_S * CPU_S_A_TOKEN
        return max(1, min(math.ceil(busy / BUSY_SHARE), cores - 1, concurrency))
    longest = max(request.output_tokens for request in requests)
    span_s = requests[-1].due_s - requests[0].due_s
    span_s = max(span_s, longest / FASTEST_STREAM_TOKENS_PER_S)
    tokens = sum(request.output_tokens for request in requests)
    cpu_s = tokens * CPU_S_A_TOKEN + len(requests) * CPU_S_A_REQUEST
    wanted = math.ceil(cpu_s / span_s / BUSY_SHARE)
    return max(1, min(wanted, cores - 1, len(requests)))


def split(requests: Sequence[Request], processes: int) -> list[list[tuple[int, Request]]]:
    """One schedule dealt out in turn: (position, request) for each process. A process's part of a
    Poisson stream has the same times as in the whole; no process has a seed of its own. All turns
    of a session go to one process, which alone hears when they end."""
    parts: list[list[tuple[int, Request]]] = [[] for _ in range(processes)]
    of_session: dict[int, int] = {}
    num_dealt = 0
    for position, request in enumerate(requests):
        session = None if request.turn is None else request.turn.session
        if session in of_session:
            number = of_session[session]
        else:
            number = num_dealt % processes
            num_dealt += 1
        if session is not None:
            of_session[session] = number
        parts[number].append((position, request))
    return parts


def num_spares(due_s: Sequence[float], window_s: float = SPARE_WINDOW_S) -> int:
    """Connections to keep open ahead of need: the most requests due within any such window.

    Args:
        due_s: ascending.
    """
    if not len(due_s):
        return 0
    due = np.asarray(due_s)
    until = np.searchsorted(due, due + window_s, side="right")
    return int((until - np.arange(len(due))).max()) + 1


def raise_file_limit(connections: int) -> int:
    """Raise this process's limit of open files as far as it may, and return it: each connection
    is one.

    Raises:
        ClientError: not even so many connections fit.
    """
    import resource  # noqa: PLC0415  (Unix only)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < connections + _OTHER_FILES:
        raise ClientError(
            f"{connections} connections are needed at once and this process may open {hard} files: "
            f"raise the hard limit (ulimit -Hn {connections + _OTHER_FILES}), use more client "
            "processes, or a lower rate"
        )
    return hard
