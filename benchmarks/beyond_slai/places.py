"""Where the schedulers are compared, and how a study is asked for there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slaibench.recording.record import FloatArray
from slaibench.spec import StudySpec
from slaibench.studies import capacity as capacity_study
from slaibench.studies import sweep as sweep_study
from slaibench.studies.bound.limits import BoundMaker
from slaibench.studies.capacity import CapacityResult
from slaibench.studies.prepared import PreparedStudy as Prepared
from slaibench.studies.prepared import prepare
from slaibench.studies.sweep import SweepResult
from slaibench.workloads.request import Request

OURS, SLAI, SARATHI, ENGINE = "hrrn", "slai", "sarathi", "engine:token_budget=2048"
NAMES = (SARATHI, SLAI, OURS)
CENTRAL_RPS = (1.0, 1.2, 1.4, 1.6)
HIGH_RPS = (1.4, 1.6)
SHARES = (0.6, 0.8)
"""Of the capacity bound: the rates at which the other places are looked at."""


@dataclass(frozen=True, slots=True)
class Place:
    """A workload on a card; ``fields`` are further ones of ``StudySpec``."""

    label: str
    workload: str = "sharegpt4_8k_lengths.csv"
    gpu: str = "rtx6000-ada"
    fields: dict[str, Any] = field(default_factory=dict)


# A trace's own times are the same for every seed.
OWN_TIMES = {"arrivals": "trace", "num_seeds": 1}
PAPER = Place("5 % paying")
BURSTS = Place("bursts, cv 3", fields={"arrivals": "gamma:cv=3"})
A100 = Place("a100", gpu="a100")
OTHERS = (
    PAPER,
    Place("50 % paying", fields={"tiers": "paying:0.5:0.1,free:0.5:0.5"}),
    Place("95 % paying", fields={"tiers": "paying:0.95:0.1,free:0.05:0.5"}),
    BURSTS,
    Place("arXiv", "arxiv_summarization_4k_lengths.csv"),
    Place("Azure chat", "azure_2023_conv.csv"),
    Place("Azure chat, own times", "azure_2023_conv.csv", fields=OWN_TIMES),
    Place("Azure code", "azure_2023_code.csv"),
    Place("Azure code, own times", "azure_2023_code.csv", fields=OWN_TIMES),
    A100,
    Place("rtx4090", gpu="rtx4090"),
    Place("h100", gpu="h100"),
)


@dataclass(frozen=True, slots=True)
class PreparedStudy:
    """Asks for studies, with what all of them share.

    Args:
        traces: folder of the lengths.
        requests: of a run; None: as the command line has it.
    """

    traces: Path
    results: Path
    seeds: int
    jobs: int
    requests: int | None = None

    def spec(self, place: Place, schedulers: Iterable[str], **more: Any) -> StudySpec:
        fields: dict[str, Any] = {
            "num_seeds": self.seeds,
            "num_requests": self.requests,
            **place.fields,
            **more,
        }
        workload = str(self.traces / place.workload)
        return StudySpec(schedulers=tuple(schedulers), workload=workload, gpu=place.gpu, **fields)

    def sweep(self, place: Place, schedulers: Iterable[str], **more: Any) -> SweepResult:
        spec = self.spec(place, schedulers, **more)
        return sweep_study.run(sweep_study.plan(spec, self.results, jobs=self.jobs))

    def capacities(self, place: Place, schedulers: Iterable[str], slo: str) -> list[CapacityResult]:
        spec = self.spec(place, schedulers, slo=slo)
        return capacity_study.run(capacity_study.plan(spec, self.results, jobs=self.jobs))

    def rates(self, place: Place) -> tuple[float, ...]:
        """``SHARES`` of the rate that no scheduler exceeds, to two digits behind the point."""
        with prepare(self.spec(place, (OURS,), rates=(1.0,))) as prepared:
            maker = BoundMaker(prepared)
            bound = maker.bound(maker.work(prepared.source)).rate_rps
        return tuple(round(share * bound, 2) for share in SHARES)


def measured(
    asked: Prepared, swept: SweepResult, scheduler: str, rate: float
) -> Iterator[tuple[list[Request], FloatArray]]:
    """Requests in the measured window of each replicate, and their TTFT in seconds."""
    for each in swept.cells:
        if (each.cell.scheduler, each.cell.rate_rps) == (scheduler, rate):
            inside = each.summary.due_s >= each.summary.metrics.window_s[0]
            requests = zip(asked.requests(each.cell), inside, strict=False)
            yield [request for request, there in requests if there], each.summary.ttft_s[inside]
