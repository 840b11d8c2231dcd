"""The contract of a backend: requests in, recording out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from slaibench.recording.record import FloatArray, RequestTable, ServerTable, StepTable
from slaibench.schedulers.base import Scheduler
from slaibench.workloads.request import Request


class BackendError(RuntimeError):
    """A run that cannot be had; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A look at a run while it goes on.

    Args:
        now_s: time in the run.
        due_s: due times of the requests that arrived so far, ascending.
        first_s: when each of them got its first token; NaN: not yet. A client that hears of a
            request only when it leaves gives ``left_s``.
        left_s: when each of them left (finished or refused); NaN: still there.
    """

    now_s: float
    due_s: FloatArray
    first_s: FloatArray
    left_s: FloatArray


StopRule = Callable[[Progress], str | None]
"""Called now and then during a run; a reason ends the run there (None: go on)."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a run goes, beyond its requests and scheduler.

    Args:
        scheduler: the scheduler as its user wrote it, for a backend that builds it in another
            process; empty where nobody needs it.
        seed: of the token ids of prompts, where there are any.
        horizon_s: the run ends here whatever is unfinished; None: when every request is done.
        stop: early-stop rule, or None.
        stop_every_s: how often it is asked, seconds of the run's time.
        most_failures: of an endpoint's requests, before no more are sent; None: see
            ``slaibench.client.patience``.
        concurrency: a closed loop of so many clients: each sends a request, and the next one the
            moment it has ended in any way. Requests are taken in their order, and are due when
            they are sent; none may follow another. None: each is sent at its due time, or after
            the end of the one that it follows.
        ramp_s: of a closed loop in virtual time: clients begin one after another, evenly over this
            time. 0: all begin at once, as load generators of this field do by default.
    """

    scheduler: str = ""
    seed: int = 0
    horizon_s: float | None = None
    stop: StopRule | None = None
    stop_every_s: float = 10.0
    most_failures: int | None = None
    concurrency: int | None = None
    ramp_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RunOutput:
    """What a backend hands back: tables, and what it alone knows.

    Args:
        end_s: when the run ended.
        stopped_early: the stop rule's reason, or None.
        facts: what only the backend knows, for ``run.json``; any of ``kv_blocks`` and
            ``block_size`` (as the engine had them), ``clock`` (``virtual`` or ``real``),
            ``versions``, ``hardware`` (both objects), ``client`` (an object, what the load
            generator says of itself), ``turns`` (an object, of half-open sessions:
            ``recording.sessions``), ``cuda_graphs`` (an object: ``GraphUse``) and
            ``server_metrics`` (an object: where ``server`` was read, and of how many engines).
        notes: sentences that a reader of the numbers must see.
        invalid: why the run is no measurement, whatever its numbers are; None: nothing of that.
        server: what a server said of itself meanwhile; None: nothing was read.
    """

    requests: RequestTable
    steps: StepTable
    end_s: float
    stopped_early: str | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    invalid: str | None = None
    server: ServerTable | None = None


class Backend(Protocol):
    """Something that serves requests under a scheduler: simulator, engine or endpoint.

    It may hold an engine from one run to the next; ``close`` lets go of it, and may be called
    more than once.
    """

    def close(self) -> None:
        """Stop whatever was started."""

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        """Serve the requests, each at its due time, after the end of the one that it follows
        (``workloads.request.Turn``), or when a client is free (``settings``).

        Raises:
            BackendError: the run cannot be had at all.
            SchedulerError: the scheduler broke its contract.
        """
