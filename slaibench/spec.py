"""What to run, validated once: a study over rates, schedulers and seeds, and its single cells."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

DEFAULT_SLO = "ttft_p50<0.5,tbt_p99<tier"
MIN_REQUESTS = 1200
"""A cell's default size: after the warm-up cut, 1,000 requests are left for a P99."""
MIN_DURATION_S = 180.0
"""A cell's least default duration: several lifetimes of a request at high rates."""
PAPER_DURATION_S = 2100.0
"""The paper's 35 minutes a point."""


class Convention(StrEnum):
    """Whose definitions a study's numbers follow (MEASUREMENT rules, or the paper's code)."""

    STRICT = "strict"
    PAPER = "paper"


class CellSpec(BaseModel):
    """One run: everything that decides its recording, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    gpu: str
    backend: str
    scheduler: str
    scheduler_options: dict[str, Any]
    scheduler_source: str | None
    """Hash of the code that decides, so that nobody is shown what an edited policy did before."""
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
    profile_fingerprint: str
    kv_blocks: int
    block_size: int
    slaibench_version: str

    def spec(self) -> dict[str, Any]:
        """Plain values, for the record and its hash."""
        return self.model_dump(mode="json")


class StudySpec(BaseModel):
    """A question over many cells: each scheduler at each rate with each seed.

    Args:
        num_requests: requests of a cell; None: at least 1,200 and 180 s' worth (strict), or as
            many as are due in ``duration_s``.
        duration_s: a cell ends here; None: when all its requests are done (strict) or after 35
            minutes (paper).
        rates: requests a second, kept ascending and without repeats.
        num_seeds: replicates, seeded ``first_seed``, ``first_seed + 1``, ...
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = "mistral-7b"
    gpu: str = "h100"
    backend: str = "sim"
    schedulers: tuple[str, ...] = ("sarathi", "slai")
    workload: str | None = None
    arrivals: str | None = None
    tiers: str | None = None
    rates: tuple[float, ...] = ()
    num_seeds: int = Field(default=3, ge=1, le=1000)
    first_seed: int = Field(default=0, ge=0)
    num_requests: int | None = Field(default=None, ge=20, le=10_000_000)
    duration_s: float | None = Field(default=None, gt=0, le=1e7, allow_inf_nan=False)
    max_total_tokens: int | None = Field(default=None, ge=2)
    convention: Convention = Convention.STRICT
    slo: str = DEFAULT_SLO
    kv_blocks: int | None = Field(default=None, ge=1)
    early_stop: bool | None = None
    profile: str | None = None

    @field_validator("rates")
    @classmethod
    def _positive(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        for rate in rates:
            if not (math.isfinite(rate) and rate > 0):
                raise ValueError(f"a rate must be a positive number, not {rate}")
        return tuple(sorted(set(rates)))

    @model_validator(mode="after")
    def _schedulers(self) -> StudySpec:
        if not self.schedulers:
            raise ValueError("name at least one scheduler")
        if len(set(self.schedulers)) != len(self.schedulers):
            raise ValueError(f"a scheduler is named twice in {', '.join(self.schedulers)}")
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

    def requests_at(self, rate_rps: float) -> int:
        """Requests generated for a cell at this rate."""
        if self.num_requests is not None:
            return self.num_requests
        if self.horizon_s is not None:
            expected = rate_rps * self.horizon_s
            # Six standard deviations more than expected: none that is due before the end is missed.
            return math.ceil(1.06 * expected + 6 * math.sqrt(expected) + 20)
        return max(MIN_REQUESTS, math.ceil(rate_rps * MIN_DURATION_S))
