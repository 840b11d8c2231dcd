"""What closed loops give: numbers by the number of clients, and paired changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from slaibench.measure.closed_loop import LoopAudit
from slaibench.spec import SpecForm, StudySpec
from slaibench.spec.study_layout import StudyKind
from slaibench.spec.study_text import study_text
from slaibench.studies.estimate import Estimate
from slaibench.studies.executors import CellResult
from slaibench.studies.forms import EstimateForm, MeasuredForm
from slaibench.studies.frames import common_columns, ends_of, frame_of, metric_rows, wide_row
from slaibench.studies.operating_point import OperatingPoint
from slaibench.studies.shown import Shown, named
from slaibench.studies.trust import warnings_of

if TYPE_CHECKING:
    import pandas as pd

CANNOT_TELL = (
    "a closed loop cannot tell what load a server carries: its clients wait for the server, so "
    "that a slow one is sent less and no queue builds up; latency with N clients is no latency at "
    "a rate, and there is no capacity in requests/s (that takes --rates)"
)
CHANGES = {"ttft_p50": 0.5, "ttft_p99": 0.99}
"""Paired changes of TTFT, and their percentiles."""


class LoopForm(TypedDict):
    """Worst values of ``LoopAudit`` over seeds; ``ramp_s`` is a mean, ``little`` the largest in
    size."""

    ramp_s: float
    num_ramp: int
    num_end: int
    share_full: float | None
    mean_in_flight: float | None
    turn_p50_s: float | None
    turn_p99_s: float | None
    turn_max_s: float | None
    little: float | None


class ClosedPointForm(MeasuredForm):
    """``ClosedPoint``: no rate is offered, and it is never known to be steady."""

    scheduler: str
    concurrency: int
    tokens_per_s_per_client: EstimateForm
    loop: LoopForm


class ClosedChangeForm(TypedDict):
    """Paired changes from the reference to a scheduler, with as many clients."""

    scheduler: str
    concurrency: int
    ttft_p50_change: EstimateForm
    ttft_p99_change: EstimateForm
    output_tokens_change: EstimateForm


class ClosedForm(TypedDict):
    """``ClosedResult``; ``reference`` is None where nothing is compared."""

    spec: SpecForm
    study_file: str | None
    about: str
    workload: str
    cannot_tell: str
    warnings: list[str]
    points: list[ClosedPointForm]
    reference: str | None
    changes: list[ClosedChangeForm]


@dataclass(frozen=True, slots=True)
class ClosedPoint:
    """One scheduler with so many clients.

    Args:
        measured: the numbers of all replicates.
        tokens_per_s_per_client: output tokens a second that a client gets, the wait for the first
            one included.
        loops: the audits of the replicates.
    """

    scheduler: str
    concurrency: int
    measured: OperatingPoint
    tokens_per_s_per_client: Estimate
    loops: tuple[LoopAudit, ...]

    @property
    def loop(self) -> LoopForm:
        """The worst of the replicates' audits."""

        def worst(name: str, sign: int = 1) -> float | None:
            values = [getattr(loop, name) for loop in self.loops]
            return max((v for v in values if v is not None), key=lambda v: sign * v, default=None)

        return {
            "ramp_s": float(np.mean([loop.ramp_s for loop in self.loops])),
            "num_ramp": max(loop.num_ramp for loop in self.loops),
            "num_end": max(loop.num_end for loop in self.loops),
            "share_full": worst("share_full", -1),
            "mean_in_flight": worst("mean_in_flight", -1),
            "turn_p50_s": worst("turn_p50_s"),
            "turn_p99_s": worst("turn_p99_s"),
            "turn_max_s": worst("turn_max_s"),
            "little": max(
                (loop.little for loop in self.loops if loop.little is not None),
                key=abs,
                default=None,
            ),
        }

    def to_json(self) -> ClosedPointForm:
        return {
            "scheduler": self.scheduler,
            "concurrency": self.concurrency,
            **self.measured.to_json(),
            "tokens_per_s_per_client": self.tokens_per_s_per_client.to_json(),
            "loop": self.loop,
        }


@dataclass(frozen=True, slots=True)
class ClosedChange:
    """A scheduler against the reference, with as many clients and the same requests.

    Args:
        ttft_p50, ttft_p99: changes of TTFT, paired by request and seed (0.1: 10 % more).
        output_tokens: of the output tokens a second, by seed.
    """

    scheduler: str
    concurrency: int
    ttft_p50: Estimate
    ttft_p99: Estimate
    output_tokens: Estimate

    def to_json(self) -> ClosedChangeForm:
        return {
            "scheduler": self.scheduler,
            "concurrency": self.concurrency,
            "ttft_p50_change": self.ttft_p50.to_json(),
            "ttft_p99_change": self.ttft_p99.to_json(),
            "output_tokens_change": self.output_tokens.to_json(),
        }


@dataclass(frozen=True, repr=False)
class ClosedResult(Shown):
    """Closed loops of one or more schedulers.

    Args:
        about, workload_note: as a sweep's.
        points: by scheduler and clients, in the specification's order.
        compares: whether ``changes`` are shown.
    """

    spec: StudySpec
    about: str
    workload_note: str
    points: tuple[ClosedPoint, ...]
    changes: tuple[ClosedChange, ...]
    compares: bool
    cells: tuple[CellResult, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of how far the numbers can be trusted; each once."""
        return warnings_of(self.cells)

    @property
    def kind(self) -> StudyKind:
        if self.spec.backend == "endpoint":
            return StudyKind.REPLAY
        return StudyKind.COMPARE if self.compares else StudyKind.SWEEP

    def of(self, scheduler: str) -> list[ClosedPoint]:
        """One scheduler's points by number of clients."""
        return [point for point in self.points if point.scheduler == scheduler]

    def folders(self) -> list[Path]:
        """Where the recordings lie."""
        return [cell.folder for cell in self.cells]

    def to_json(self) -> ClosedForm:
        return {
            "spec": self.spec.to_json(),
            "study_file": study_text(self.kind, self.spec.to_json()),
            "about": self.about,
            "workload": self.workload_note,
            "cannot_tell": CANNOT_TELL,
            "warnings": list(self.warnings),
            "points": [point.to_json() for point in self.points],
            "reference": self.spec.schedulers[0] if self.compares else None,
            "changes": [change.to_json() for change in self.changes],
        }

    @property
    def in_words(self) -> str:
        clients = ", ".join(map(str, dict.fromkeys(p.concurrency for p in self.points)))
        return f"{named(point.scheduler for point in self.points)} with {clients} clients"

    def frame(self, *, long: bool = False) -> pd.DataFrame:
        """One row a scheduler and number of clients; ``long``: one for each metric of these."""
        common = common_columns(self.cells[0].cell)
        rows: list[dict[str, Any]] = []
        for point in self.points:
            head = {"scheduler": point.scheduler, **common, "concurrency": point.concurrency}
            if long:
                rows += [{**head, **row} for row in metric_rows(point.measured)]
                continue
            own = ends_of("tokens_per_s_per_client", point.tokens_per_s_per_client)
            rows.append({**head, **wide_row(point.measured), **own})
        return frame_of(rows, () if long else ("saturated",))
