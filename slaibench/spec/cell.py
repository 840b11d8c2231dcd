"""One run: everything that decides its recording, and nothing else."""

from __future__ import annotations

import math
from typing import Any

from pydantic import field_serializer, field_validator

from slaibench.machine.disclosed import RecordedArgs
from slaibench.spec.serving import (
    SERVING,
    BackendPart,
    Clock,
    Device,
    EndpointPart,
    EnginePart,
    SpeculationPart,
)
from slaibench.spec.targets import Convention

CODE = ("code_fingerprint", "scheduler_source", "slaibench_version")
"""Fields that say which code makes a cell."""


class CellSpec(EndpointPart, SpeculationPart, EnginePart, BackendPart):
    """What a recording is known by: its fields, hashed.

    A field with a default that came after the first recordings is in the hash only where a cell
    has it, so that a new option leaves older recordings what they are.

    Args:
        code_fingerprint: of the code that serves, and makes the load (``studies.code``); None: of
            before recordings knew it.
        scheduler_source: hash of the code that schedules, so that nobody is shown what an edited
            scheduler did before; None where it is not ours to see (an endpoint's own).
        engine: name and version of the engine (``vllm 0.32.0``); None: there is none of ours.
        device: what the engine computes on; None without an engine of ours.
        gpu, profile_fingerprint: whose profile gave the batch times; None: they were measured.
        hardware: what ran, where the clock is real; None for an endpoint, which does not say.
        async_scheduling: whether a batch is decided while the one before runs; no endpoint says.
        engine_token_budget, engine_max_active: limits that an engine on real hardware was started
            with: those of the study's widest scheduler, which its memory depends on.
        engine_args: what else its server was started with; None: nothing.
        overload: of a run that measures a scheduler's saturated throughput, the bound and the
            prices that its work counts at (``studies.overload``); None: a run as any other.
        guard: what ends the run at once (``studies.cell_run``): more requests in the system than
            ``most_in_system``, or more than ``most_failures`` that failed; None: nothing of that.
        concurrency: clients of a closed loop; None: an open loop. Then ``arrivals`` are ``closed``,
            and no rate is offered: ``rate_rps`` is infinite, null in JSON.
        dialect: what of how an endpoint is spoken to decides a recording (``Dialect.identity``).
    """

    clock: Clock
    model: str
    async_scheduling: bool = False
    engine_args: RecordedArgs = None
    dialect: dict[str, Any] | None = None
    engine: str | None = None
    profile_fingerprint: str | None = None
    hardware: str | None = None
    block_size: int | None = None
    engine_token_budget: int | None = None
    engine_max_active: int | None = None
    overload: dict[str, float] | None = None
    guard: dict[str, int] | None = None
    concurrency: int | None = None
    scheduler: str
    scheduler_options: dict[str, Any]
    scheduler_source: str | None
    workload: str
    workload_fingerprint: str
    arrivals: str
    tiers: str
    rate_rps: float
    seed: int
    num_requests: int
    max_total_tokens: int | None
    horizon_s: float | None
    convention: Convention
    early_stop: bool
    slaibench_version: str
    code_fingerprint: str | None = None

    @field_validator("rate_rps", mode="before")
    @classmethod
    def _of_json(cls, rate_rps: float | None) -> float:
        return math.inf if rate_rps is None else rate_rps

    @field_serializer("rate_rps", when_used="json")
    def _as_json(self, rate_rps: float) -> float | None:
        return None if math.isinf(rate_rps) else rate_rps

    def spec(self) -> dict[str, Any]:
        """Plain values, for the record and its hash."""
        values = self.model_dump(mode="json")
        return {name: values[name] for name in values if name in FIRST or self._has(name)}

    def serving(self) -> dict[str, Any]:
        """What a study of such cells says of the system under test."""
        values = {name: getattr(self, name) for name in SERVING}
        return values if self.url is None else {**values, "async_scheduling": None}

    def _has(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)

    def asks_the_same(self, other: CellSpec) -> bool:
        """Whether another cell is this one but for the code that makes it."""
        a, b = ({**cell.spec(), **dict.fromkeys(CODE)} for cell in (self, other))
        return a == b

    @property
    def key(self) -> tuple[str, float, int]:
        """What tells a cell from the others of its study: scheduler, rate (or clients) and seed."""
        return self.scheduler, self.level, self.seed

    @property
    def level(self) -> float:
        """The load: requests a second, or the clients of a closed loop."""
        return self.rate_rps if self.concurrency is None else float(self.concurrency)

    @property
    def load(self) -> str:
        """It in words: ``at 5 requests/s``, ``with 64 clients``."""
        if self.concurrency is not None:
            return f"with {self.concurrency} client{'s' * (self.concurrency > 1)}"
        return f"at {self.rate_rps:g} requests/s"

    @property
    def words(self) -> str:
        """Scheduler, load and seed for a reader: ``slai at 5 requests/s, seed 0``."""
        load = self.load if self.overload is None else self.load.replace("at", "under overload of")
        return f"{self.scheduler} {load}, seed {self.seed}"

    @property
    def system(self) -> str:
        """The system under test, as on the command line: ``sim``, ``vllm:cpu``, ``endpoint``."""
        clock = ":real" if self.device is Device.EMULATED and self.clock is Clock.REAL else ""
        return f"{self.backend}:{self.device.value}{clock}" if self.device else self.backend

    @property
    def place(self) -> str:
        """Whose speed it was: the profile's GPU, the machine's hardware, or an endpoint's URL."""
        return self.gpu or self.url or self.hardware or "unknown"


FIRST = frozenset(
    {
        *("backend", "engine", "device", "clock", "model", "gpu", "profile_fingerprint"),
        *("hardware", "weights", "prefix_caching", "max_context_tokens", "kv_blocks"),
        *("block_size", "engine_token_budget", "engine_max_active", "url", "api", "prompts"),
        *("only_openai", "timeout_s", "scheduler", "scheduler_options", "scheduler_source"),
        *("workload", "workload_fingerprint", "arrivals", "tiers", "rate_rps", "seed"),
        *("num_requests", "max_total_tokens", "horizon_s", "convention", "early_stop"),
        "slaibench_version",
    }
)
"""Fields of the first recordings: all of them have these."""
