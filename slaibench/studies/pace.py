"""How much time a search on a server may take, how much load it may offer, and when it stops."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from slaibench.rates import check_rate
from slaibench.spec import StudySpec
from slaibench.spec.pace import DEFAULT_MINUTES, MAX_RATE_RPS

START_RPS = 0.5
LEAST_RPS = START_RPS / 32
STEP_S = 8.0
"""Of a run that looks for the boundary, at least."""
STAYS = 2.5
"""So many mean stays of a request is such a run long, where it may be: ShareGPT's outputs of some
300 tokens stay 5 to 10 s, and in 8 s a server carried four times its capacity."""
FEW = 8
"""Requests in the system that fill it within the shortest run."""
LEAST_SERVED = 0.6
"""Of the tokens asked for: fewer, at the end of a short run, and the server does not keep up. One
that does reaches some 0.9 after that many stays; at twice what it carries it has 0.5."""
STEP_SHARE = 1 / 12
"""Of the budget: such a run, at the most."""
OVERHEAD_S = 2.5
"""Of a run besides its own time: client processes start, and the server has a rest."""
LONG_SHARE = 1 / 6
"""Of the budget: a run about the boundary."""
COARSE = 0.2
"""The boundary is looked for in short runs until its ends are so near."""
FIRST_SHARE = 0.75
"""Of what short runs let expect, which flatter: where the long runs begin. Of runs of 50 s at 70 %
of the capacity 8 of 8 were steady beyond doubt, at 80 % 6 of 8, at 90 % 4 of 8."""
GRID = 1.12
"""Between neighbouring rates of long runs."""
DIGITS = 3
"""Of the rates of long runs: minutes tell no finer ones apart."""
FURTHEST = 0.64
"""How far from the boundary, as a share, a rate sure to hold (or to fail) is looked for."""
QUEUES_TIMES, QUEUES_MORE = 3, 10
"""More requests in the system than so many times those of the last rate that held, in proportion to
the rates, and so many more: they queue up."""
MOST_FAILURES = 3
"""Requests of a run that may fail before the server is left alone."""
SILENT_S = 5.0
"""So long without one token while requests waited, or a run with several and none at all: the
server stopped answering."""
SEVERAL = 5
REST_S = 1.0
"""After a run that ended at once, before the next one."""
LEAST_MINUTES, MOST_MINUTES = 1.0, 240.0


class Ended(StrEnum):
    """What ended a search."""

    SURE = "sure"
    BUDGET = "budget"
    MAX_RATE = "max rate"
    SATURATED = "saturated"
    FAILURES = "failures"
    SILENT = "no answer"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Pace:
    """How much time a search may take, and how much load it may offer.

    Args:
        minutes: the budget, kept: no run is begun that would end after it.
        max_rate_rps: never offered more.
        start_rps: the light probe.
        long: whether long runs follow the short ones.

    Raises:
        ValueError: a value is out of range.
    """

    minutes: float = DEFAULT_MINUTES
    max_rate_rps: float = MAX_RATE_RPS
    start_rps: float = START_RPS
    long: bool = True

    def __post_init__(self) -> None:
        if not LEAST_MINUTES <= self.minutes <= MOST_MINUTES:
            raise ValueError(
                f"--minutes {self.minutes:g}: give {LEAST_MINUTES:g} to {MOST_MINUTES:g}; in less "
                "than a minute too few requests are answered to tell anything"
            )
        try:
            check_rate(self.max_rate_rps)
        except ValueError as error:
            raise ValueError(f"--max-rate: {error}") from error
        if self.max_rate_rps < LEAST_RPS:
            raise ValueError(
                f"--max-rate {self.max_rate_rps:g}: below {LEAST_RPS:g} requests/s there is "
                "nothing to look for in minutes"
            )

    @classmethod
    def of(cls, spec: StudySpec) -> Pace:
        """The pace that a specification asks for."""
        return cls(
            DEFAULT_MINUTES if spec.minutes is None else spec.minutes,
            MAX_RATE_RPS if spec.max_rate_rps is None else spec.max_rate_rps,
        )

    @property
    def budget_s(self) -> float:
        return 60 * self.minutes

    @property
    def long_s(self) -> float:
        """Seconds of a long run."""
        return float(round(self.budget_s * LONG_SHARE))

    @property
    def most_step_s(self) -> float:
        """Seconds of a short run, at the most."""
        return max(STEP_S, round(self.budget_s * STEP_SHARE))

    @property
    def most_runs(self) -> int:
        """Runs at the most."""
        return math.floor(self.budget_s / (STEP_S + OVERHEAD_S))

    @property
    def words(self) -> tuple[str, ...]:
        """The plan, before it is carried out."""
        longer = f", then of {self.long_s:g} s about the boundary" if self.long else ""
        first = min(self.start_rps, self.max_rate_rps)
        steps = f"{STEP_S:g}"
        if self.most_step_s > STEP_S:
            steps += f" to {self.most_step_s:g}"
        return (
            f"at most {self.most_runs} runs and {self.minutes:g} min: of {steps} s{longer}",
            f"load: from {first:g} requests/s, each step at most twice the last that held, never "
            f"more than {self.max_rate_rps:g} requests/s (--max-rate)",
            f"a run ends at once when requests queue up (more than {QUEUES_TIMES} times as many in "
            f"the server as the last rate that held makes expect, and {QUEUES_MORE}); all ends "
            f"when more than {MOST_FAILURES} requests fail, or it stops answering",
        )
