"""When requests are due: arrival processes as unit-rate gaps, scaled to the wanted rate.

The same generator state gives the same unit-rate gaps at every rate (common random numbers), and
asking for more requests leaves the first ones where they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from slaibench.workloads.errors import WorkloadError, unknown
from slaibench.workloads.lengths import FloatArray
from slaibench.workloads.options import parse_options

MOST_CV = 100.0
TRUNCATION_MEANS = 3.0
"""Where `poisson-truncated` cuts a gap, in mean gaps (SLAI's published benchmark code)."""


class ArrivalKind(StrEnum):
    """How gaps between due times come about; `ArrivalProcess` says what each means."""

    POISSON = "poisson"
    GAMMA = "gamma"
    CONSTANT = "constant"
    BURST = "burst"
    TRACE = "trace"
    POISSON_TRUNCATED = "poisson-truncated"


@dataclass(frozen=True, slots=True)
class ArrivalProcess:
    """An open-loop arrival process.

    - ``poisson``: independent exponential gaps, not cut.
    - ``gamma``: independent gamma gaps with coefficient of variation ``cv`` (1: Poisson; above 1:
      bursty; below 1: more even).
    - ``constant``: equal gaps.
    - ``burst``: all due at time 0; the rate does not matter.
    - ``trace``: recorded timestamps, counted from the first. Either stretched as a whole so that
      the recording's mean rate becomes the wanted rate, or multiplied by ``scale``.
    - ``poisson-truncated``: exponential gaps cut down to three means. Only for comparisons with
      published results: the true rate is 1 / (1 - e^-3) = 1.052 times the nominal one and the gaps
      have a coefficient of variation of 0.88.

    Args:
        kind: which of these.
        cv: standard deviation over mean of gamma gaps, above 0; None for other kinds.
        scale: factor on recorded times (2: half the load); None: the rate decides. Trace only.

    Raises:
        WorkloadError: a parameter is missing, out of range, or not this kind's.
    """

    kind: ArrivalKind = ArrivalKind.POISSON
    cv: float | None = None
    scale: float | None = None

    def __post_init__(self) -> None:
        if self.kind is ArrivalKind.GAMMA and self.cv is None:
            raise WorkloadError("gamma arrivals need cv=VALUE, as in gamma:cv=2")
        for name, owner in (("cv", ArrivalKind.GAMMA), ("scale", ArrivalKind.TRACE)):
            value = getattr(self, name)
            if value is None:
                continue
            if self.kind is not owner:
                raise WorkloadError(f"{name}={value} belongs to {owner} arrivals, not {self.kind}")
            if not (np.isfinite(value) and value > 0):
                way_out = "; for equal gaps use 'constant'" if name == "cv" else ""
                raise WorkloadError(f"{name} must be above 0, not {value}{way_out}")
        if self.cv is not None and self.cv > MOST_CV:
            raise WorkloadError(
                f"cv must be at most {MOST_CV:g}, not {self.cv}: beyond that nearly all requests "
                "come at once, which is 'burst'"
            )

    def __str__(self) -> str:
        """The text that `parse` reads back."""
        for name in ("cv", "scale"):
            value = getattr(self, name)
            if value is not None:
                return f"{self.kind}:{name}={value}"
        return str(self.kind)

    @classmethod
    def parse(cls, text: str) -> ArrivalProcess:
        """Read ``poisson``, ``gamma:cv=3``, ``trace:scale=0.5``, ...

        Raises:
            WorkloadError: unknown kind or option, or a value out of range.
        """
        name, _, rest = text.strip().partition(":")
        try:
            kind = ArrivalKind(name.lower())
        except ValueError:
            raise unknown("arrival process", name, list(ArrivalKind)) from None
        options = parse_options(kind.value, rest)
        takes = {ArrivalKind.GAMMA: ("cv",), ArrivalKind.TRACE: ("scale",)}
        options.only(takes.get(kind, ()))
        return cls(kind, cv=options.number("cv"), scale=options.number("scale"))

    @property
    def takes_rate(self) -> bool:
        """Whether due times depend on a rate."""
        return self.kind is not ArrivalKind.BURST and self.scale is None


def due_times(
    process: ArrivalProcess,
    rate_rps: float | None,
    num_requests: int,
    rng: np.random.Generator,
    recorded_s: FloatArray | None = None,
) -> FloatArray:
    """Due times in seconds after the start of the run, ascending.

    Of a process with gaps, the first request is due one gap after 0; of a trace or burst, at 0.

    Args:
        process: the arrival process.
        rate_rps: requests a second, above 0; None for ``burst``, for ``trace`` with a scale, and
            for ``trace`` as it was recorded.
        num_requests: how many, at least 1.
        rng: read by random processes only.
        recorded_s: recorded arrival times, ascending; ``trace`` only.

    Raises:
        WorkloadError: the rate is missing, out of range or in conflict with a scale, or the
            recording is missing, too short or of no duration.
    """
    if num_requests < 1:
        raise WorkloadError(f"num_requests must be at least 1, not {num_requests}")
    if rate_rps is not None and not (np.isfinite(rate_rps) and rate_rps > 0):
        raise WorkloadError(f"rate_rps must be above 0, not {rate_rps}")
    if process.kind is ArrivalKind.BURST:
        return np.zeros(num_requests)
    if process.kind is ArrivalKind.TRACE:
        return _recorded(process, rate_rps, num_requests, recorded_s)
    if rate_rps is None:
        raise WorkloadError(f"{process.kind} arrivals need a rate in requests a second")
    return np.cumsum(unit_gaps(process, num_requests, rng)) / rate_rps


def unit_gaps(process: ArrivalProcess, num_requests: int, rng: np.random.Generator) -> FloatArray:
    """Gaps of mean 1 (`poisson-truncated`: of mean 1 before the cut).

    Raises:
        WorkloadError: the process has no gaps of its own (``burst``, ``trace``).
    """
    if process.kind is ArrivalKind.POISSON:
        return rng.standard_exponential(num_requests)
    if process.kind is ArrivalKind.POISSON_TRUNCATED:
        return np.minimum(rng.standard_exponential(num_requests), TRUNCATION_MEANS)
    if process.kind is ArrivalKind.GAMMA:
        assert process.cv is not None
        variance = process.cv**2
        return rng.standard_gamma(1 / variance, num_requests) * variance
    if process.kind is ArrivalKind.CONSTANT:
        return np.ones(num_requests)
    raise WorkloadError(f"{process.kind} arrivals have no gaps of their own")


def _recorded(
    process: ArrivalProcess,
    rate_rps: float | None,
    num_requests: int,
    recorded_s: FloatArray | None,
) -> FloatArray:
    if recorded_s is None:
        raise WorkloadError(
            "trace arrivals need recorded arrival times: choose a workload that has them "
            "(azure-conv, or a file with a column arrival_s), or other arrivals, such as poisson"
        )
    if num_requests > len(recorded_s):
        raise WorkloadError(
            f"the trace has {len(recorded_s)} arrivals, {num_requests} were asked for: "
            "ask for no more, or use poisson or gamma arrivals"
        )
    if np.any(np.diff(recorded_s) < 0):
        raise WorkloadError("recorded arrival times must be in ascending order")
    times_s: FloatArray = recorded_s[:num_requests] - recorded_s[0]
    if rate_rps is None:
        return times_s * (1.0 if process.scale is None else process.scale)
    if process.scale is not None:
        raise WorkloadError(
            f"a rate ({rate_rps} requests/s) and scale={process.scale} both stretch the trace: "
            "give one of them"
        )
    span_s = float(recorded_s[-1] - recorded_s[0])
    if span_s <= 0:
        raise WorkloadError(
            "the recorded arrivals span no time, so no scale gives them a rate: use burst"
        )
    return times_s * ((len(recorded_s) - 1) / span_s / rate_rps)
