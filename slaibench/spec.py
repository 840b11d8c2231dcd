"""What to run, validated once: a study over rates, schedulers and seeds, and its single cells."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    field_serializer,
    field_validator,
    model_validator,
)

from slaibench.endpoint.dialect import Dialect
from slaibench.endpoint.url import public_url
from slaibench.machine.disclosed import EngineArgs, RecordedArgs
from slaibench.rates import check_rate

DEFAULT_SLO = "ttft_p50<0.5,ttft_p99<5,tbt_p99<tier"
PAPER_SLO = "ttft_p50<0.5,tbt_p99<tier"
"""The paper's targets, ``--slo paper``: a scheduler that starves long prompts may meet them."""
MIN_REQUESTS = 1250
"""A cell's least default size; it grows as ``measure.run_length`` says."""
MAX_REQUESTS = 10_000_000
LONGEST_NAME = 2000
"""Characters; a scheduler's options count."""
MIN_DURATION_S = 180.0
"""A cell's least default duration: several lifetimes of a request at high rates."""
PAPER_DURATION_S = 2100.0
"""The paper's 35 minutes a point."""
DEFAULT_MODEL = "mistral-7b"
DEFAULT_GPU = "h100"


class Device(StrEnum):
    """What an engine computes on."""

    EMULATED = "emulated"
    """Nothing: a profile says how long each batch takes."""
    CPU = "cpu"
    CUDA = "cuda"


class Clock(StrEnum):
    """Whose time a recording's times are."""

    VIRTUAL = "virtual"
    """Computed: it jumps from batch to batch, and the same specification gives the same bytes."""
    REAL = "real"


class Convention(StrEnum):
    """Whose definitions a study's numbers follow (MEASUREMENT rules, or the paper's code)."""

    STRICT = "strict"
    PAPER = "paper"


LATER = frozenset({"engine_args", "code_fingerprint", "overload", "dialect"})
"""Fields of a cell that came later than the first recordings."""
CODE = ("code_fingerprint", "scheduler_source", "slaibench_version")
"""Fields of a cell that say which code makes it."""


class CellSpec(BaseModel):
    """One run: everything that decides its recording, and nothing else.

    Args:
        code_fingerprint: of the code that serves, and makes the load (``study.code``); None: of
            before recordings knew it.
        scheduler_source: hash of the code that schedules, so that nobody is shown what an edited
            policy did before; None where it is not ours to see (an endpoint's own).
        engine: name and version of the engine (``vllm 0.32.0``); None: there is none of ours.
        device: what the engine computes on; None without an engine of ours.
        gpu, profile_fingerprint: whose profile gave the batch times; None: they were measured.
        hardware: what ran, where the clock is real; None for an endpoint, which does not say.
        weights: the checkpoint; None: random ones.
        max_context_tokens: longest prompt + output that is taken; None: the endpoint decides.
        kv_blocks: None: the engine decides.
        engine_token_budget, engine_max_active: limits that an engine on real hardware was started
            with: those of the study's widest scheduler, which its memory depends on.
        engine_args: what else its server was started with; None: nothing.
        overload: of a run that measures a scheduler's saturated throughput, the bound and the
            prices that its work counts at (``study.overload``); None: a run as any other.
        url, api, prompts, only_openai, timeout_s: of an endpoint, and how it is spoken to.
        dialect: what else of how it is spoken to decides a recording (``Dialect.identity``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: str
    engine: str | None
    device: Device | None
    clock: Clock
    model: str
    gpu: str | None
    profile_fingerprint: str | None
    hardware: str | None
    weights: str | None
    prefix_caching: bool
    max_context_tokens: int | None
    kv_blocks: int | None
    block_size: int | None
    engine_token_budget: int | None
    engine_max_active: int | None
    engine_args: RecordedArgs = None
    overload: dict[str, float] | None = None
    dialect: dict[str, Any] | None = None
    url: str | None
    api: str | None
    prompts: str | None
    only_openai: bool
    timeout_s: float | None
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

    def spec(self) -> dict[str, Any]:
        """Plain values, for the record and its hash.

        What few cells have (``LATER``) is there only where they have it.
        """
        values = self.model_dump(mode="json")
        return {
            name: values[name] for name in values if values[name] is not None or name not in LATER
        }

    def asks_the_same(self, other: CellSpec) -> bool:
        """Whether another cell is this one but for the code that makes it."""
        a, b = ({**cell.spec(), **dict.fromkeys(CODE)} for cell in (self, other))
        return a == b

    @property
    def key(self) -> tuple[str, float, int]:
        """What tells a cell from the others of its study: scheduler, rate and seed."""
        return self.scheduler, self.rate_rps, self.seed

    @property
    def words(self) -> str:
        """The same for a reader: ``slai at 5 requests/s, seed 0``."""
        under = "at" if self.overload is None else "under overload of"
        return f"{self.scheduler} {under} {self.rate_rps:g} requests/s, seed {self.seed}"

    @property
    def system(self) -> str:
        """What served, as the command line has it: ``sim``, ``vllm:cpu``, ``endpoint``."""
        clock = ":real" if self.device is Device.EMULATED and self.clock is Clock.REAL else ""
        return f"{self.backend}:{self.device.value}{clock}" if self.device else self.backend

    @property
    def place(self) -> str:
        """Whose speed it was: the profile's GPU, the machine's hardware, or an endpoint's URL."""
        return self.gpu or self.url or self.hardware or "unknown"


class StudySpec(BaseModel):
    """A question over many cells: each scheduler at each rate with each seed.

    What is None is decided by the backend (``slaibench.studies.systems``), which also refuses what
    does not go with it.

    Args:
        model: name in the catalog, Hugging Face id or path of a ``config.json``; for an endpoint,
            what it calls its model.
        gpu, profile: whose batch times, for what takes them from a profile.
        weights: a checkpoint's folder or Hugging Face id; None: random weights.
        max_context_tokens: longest prompt + output that is taken; None: the model's (simulator),
            or a little more than the workload's longest request (an engine, whose memory it
            costs).
        kv_blocks: None: the profile's number, or what the engine finds room for.
        engine_args: more arguments of an engine's server, as its command line has them.
        url, api, prompts: of an endpoint.
        only_openai: send an endpoint no field that OpenAI's own has not; output lengths then vary.
        dialect: how else an endpoint is spoken to; None: as vLLM and SGLang understand it.
        timeout_s: an endpoint's request that is not done so long after it was due has timed out.
        num_requests: requests of a cell; None: at least 1,250 and 180 s' worth, and in virtual
            time as many more as the numbers need (strict), or as many as are due in
            ``duration_s``.
        duration_s: a cell ends here; None: when all its requests are done (strict) or after 35
            minutes (paper).
        rates: requests a second, kept ascending and without repeats.
        slo: the targets; ``paper``: the paper's. Not given: those of the convention.
        num_seeds: replicates, seeded ``first_seed``, ``first_seed + 1``, ...
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: str = "sim"
    device: Device | None = None
    clock: Clock | None = None
    model: str | None = Field(default=None, max_length=LONGEST_NAME)
    gpu: str | None = None
    profile: str | None = None
    weights: str | None = None
    prefix_caching: bool = False
    max_context_tokens: int | None = Field(default=None, ge=2)
    kv_blocks: int | None = Field(default=None, ge=1)
    engine_args: EngineArgs = None
    url: str | None = Field(default=None, repr=False, max_length=LONGEST_NAME)
    api: str | None = None
    prompts: str | None = None
    only_openai: bool = False
    dialect: Dialect | None = None
    timeout_s: float | None = Field(default=None, gt=0, le=1e6, allow_inf_nan=False)
    schedulers: tuple[str, ...] = ("sarathi", "slai")
    workload: str | None = None
    arrivals: str | None = None
    tiers: str | None = None
    rates: tuple[float, ...] = ()
    num_seeds: int = Field(default=3, ge=1, le=1000)
    first_seed: int = Field(default=0, ge=0)
    num_requests: int | None = Field(default=None, ge=20, le=MAX_REQUESTS)
    duration_s: float | None = Field(default=None, gt=0, le=1e7, allow_inf_nan=False)
    max_total_tokens: int | None = Field(default=None, ge=2)
    convention: Convention = Convention.STRICT
    slo: str = DEFAULT_SLO
    early_stop: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _targets(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("slo") in (None, "paper"):
            paper = values.get("slo") or values.get("convention") == Convention.PAPER
            return {**values, "slo": PAPER_SLO if paper else DEFAULT_SLO}
        return values

    @field_serializer("url", when_used="json")
    def _public(self, url: str | None) -> str | None:
        return None if url is None else public_url(url)

    @field_validator("rates")
    @classmethod
    def _positive(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        for rate in rates:
            check_rate(rate)
        return tuple(sorted(set(rates)))

    @model_validator(mode="after")
    def _schedulers(self) -> StudySpec:
        if not self.schedulers:
            raise ValueError("name at least one scheduler")
        if (length := max(map(len, self.schedulers))) > LONGEST_NAME:
            raise ValueError(f"a scheduler's name has {length} characters; at most {LONGEST_NAME}")
        if len(set(self.schedulers)) != len(self.schedulers):
            raise ValueError(f"a scheduler is named twice in {', '.join(self.schedulers)}")
        return self

    @model_validator(mode="after")
    def _not_too_many(self) -> StudySpec:
        for rate in self.rates:
            if (requests := self.requests_at(rate)) > MAX_REQUESTS:
                raise ValueError(
                    f"a run at {rate:g} requests/s is {requests:,} requests, {MAX_REQUESTS:,} are "
                    "the most: give --requests, or a shorter --duration"
                )
        return self

    @property
    def arrivals_or_default(self) -> str:
        if self.arrivals is not None:
            return self.arrivals
        return "poisson-truncated" if self.convention is Convention.PAPER else "poisson"

    @property
    def horizon_s(self) -> float | None:
        if self.duration_s is not None:
            return self.duration_s
        if self.num_requests is None and self.convention is Convention.PAPER:
            return PAPER_DURATION_S
        return None

    @property
    def stops_early(self) -> bool:
        """Saturated cells are cut short under strict conventions: their verdict is what counts,
        while the paper reads latencies off whatever 35 minutes give."""
        if self.early_stop is not None:
            return self.early_stop
        return self.convention is Convention.STRICT and self.duration_s is None

    @property
    def extends(self) -> bool:
        """Whether a cell may be made longer than ``requests_at``: nobody said how long it is, and
        no engine has to serve for it."""
        fixed = self.num_requests is not None or self.horizon_s is not None
        return self.backend == "sim" and self.stops_early and not fixed

    def requests_at(self, rate_rps: float) -> int:
        """Requests generated for a cell at this rate, at least."""
        if self.num_requests is not None:
            return self.num_requests
        if self.horizon_s is not None:
            expected = rate_rps * self.horizon_s
            # Six standard deviations more than expected: none that is due before the end is missed.
            return math.ceil(1.06 * expected + 6 * math.sqrt(expected) + 20)
        return max(MIN_REQUESTS, math.ceil(rate_rps * MIN_DURATION_S))
