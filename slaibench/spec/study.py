"""A study of many cells: each scheduler at each rate with each seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, TypedDict, cast

from pydantic import (
    SerializerFunctionWrapHandler,
    field_serializer,
    model_serializer,
    model_validator,
)

from slaibench.endpoint.dialect import Dialect
from slaibench.endpoint.url import public_url
from slaibench.spec.load import (
    LEAST_A_CLIENT,
    MAX_REQUESTS,
    MIN_DURATION_S,
    MIN_REQUESTS,
    REQUESTS_A_CLIENT,
    LoadPart,
)
from slaibench.spec.pace import PacePart
from slaibench.spec.serving import (
    LONGEST_NAME,
    BackendPart,
    DeploymentPart,
    EndpointPart,
    EnginePart,
    MetricsPart,
    SpeculationPart,
)
from slaibench.spec.targets import Convention, TargetPart

PAPER_DURATION_S = 2100.0
"""The paper's 35 minutes a point."""


WITHOUT_LOOP = {
    "rates": "--rates and --concurrency: requests come at a rate, or from clients that wait for "
    "their answers",
    "arrivals": "--arrivals and --concurrency: a closed loop sends a request when another one ends",
    "duration_s": "--duration and --concurrency: a closed loop ends with its requests (--requests)",
    "early_stop": "early_stop and --concurrency: a closed loop is never saturated for certain",
}
"""By field: why it does not go with closed loops."""


class ClientsForm(TypedDict, total=False):
    """Of closed loops: their clients."""

    concurrency: Sequence[int]


class SpecForm(ClientsForm):
    """A ``StudySpec`` as JSON: every field of it, of which those are named that readers use."""

    backend: str
    schedulers: Sequence[str]
    workload: str | None
    rates: Sequence[float]
    num_seeds: int
    num_requests: int | None
    convention: str
    slo: str


class SchedulerPart(
    MetricsPart, EndpointPart, DeploymentPart, SpeculationPart, EnginePart, BackendPart
):
    """What serves, and who decides its batches."""

    dialect: Dialect | None = None
    schedulers: tuple[str, ...] = ("sarathi", "slai")


class StudySpec(PacePart, TargetPart, LoadPart, SchedulerPart):
    """A study, validated once. Its parts say what their fields mean.

    Fields lie flat, as in JSON and in keyword arguments; a part (``LoadPart``) is a class, so that
    a command, a page or a file can ask for the fields of one.
    """

    rates_chosen: str | None = None
    """Why the rates are these, where the study chose them; kept with them in every document."""
    LATER: ClassVar[tuple[str, ...]] = (
        *PacePart.model_fields,
        *DeploymentPart.model_fields,
        *SpeculationPart.model_fields,
        *("rates_chosen", "metrics_url", "concurrency", "async_scheduling", "shared_prefix"),
    )
    """Fields that are in a document only where somebody or something decided them: pages are named
    by their specification, and those of before keep their names."""

    @model_serializer(mode="wrap")
    def _as_named(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        values: dict[str, object] = handler(self)
        return {
            name: value
            for name, value in values.items()
            if value is not None or name not in self.LATER
        }

    @field_serializer("url", "metrics_url", when_used="json")
    def _public(self, url: str | None) -> str | None:
        return None if url is None else public_url(url)

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
    def _closed_loop(self) -> StudySpec:
        """What goes with closed loops."""
        if self.concurrency is None:
            return self
        refused = {
            "rates": bool(self.rates),
            "arrivals": self.arrivals is not None,
            "duration_s": self.duration_s is not None,
            "early_stop": bool(self.early_stop),
        }
        for name, is_given in refused.items():
            if is_given:
                raise ValueError(f"{WITHOUT_LOOP[name]}: leave out one of the two")
        if self.convention is Convention.PAPER:
            raise ValueError(
                "--convention paper is of open loops, whose latencies at a rate the paper reports: "
                "leave it out with --concurrency"
            )
        most = self.concurrency[-1]
        least = LEAST_A_CLIENT * most
        if self.num_requests is not None and self.num_requests < least:
            raise ValueError(
                f"{self.num_requests:,} requests are too few for {most:,} clients, whose first and "
                f"last ones are not measured: give --requests {least} or more, or fewer clients"
            )
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

    def requests_of(self, clients: int) -> int:
        """Requests of a closed loop of so many clients."""
        return self.num_requests or max(MIN_REQUESTS, REQUESTS_A_CLIENT * clients)

    def to_json(self) -> SpecForm:
        """Plain JSON values; ``model_validate`` reads them."""
        return cast("SpecForm", self.model_dump(mode="json"))

    @property
    def arrivals_or_default(self) -> str:
        if self.arrivals is not None:
            return self.arrivals
        return "poisson-truncated" if self.convention is Convention.PAPER else "poisson"

    @property
    def horizon_s(self) -> float | None:
        if self.duration_s is not None or self.concurrency is not None:
            return self.duration_s
        if self.num_requests is None and self.convention is Convention.PAPER:
            return PAPER_DURATION_S
        return None

    @property
    def stops_early(self) -> bool:
        """Saturated cells are cut short under strict conventions: their verdict is what counts,
        while the paper reads latencies off whatever 35 minutes give."""
        if self.concurrency is not None:
            return False
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
