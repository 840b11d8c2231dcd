"""A study made ready to run: every name resolved once; its cells, and how one of them runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from slaibench.machine.watch import Seen
from slaibench.recording.record import Recording
from slaibench.schedulers.base import SchedulerError
from slaibench.spec import CellSpec, Clock, StudySpec
from slaibench.studies import scheduler_info
from slaibench.studies.cell_run import run_json, serve, watch_of
from slaibench.studies.code import Code, code_of
from slaibench.studies.scheduler_info import SchedulerInfo
from slaibench.studies.source import with_room, with_source
from slaibench.studies.systems.base import Demand, Facts, Service, SystemUnderTest
from slaibench.studies.systems.table import find, settled
from slaibench.studies.targets import Targets, with_tiers
from slaibench.studies.tellable import check_said
from slaibench.version import __version__
from slaibench.workloads.arrivals import ArrivalKind, ArrivalProcess
from slaibench.workloads.generate import fingerprint, generate, num_recorded
from slaibench.workloads.lengths import LengthSource, RecordedSource
from slaibench.workloads.request import Request
from slaibench.workloads.tiers import Tier

CLOSED = "closed"
"""Arrivals of a closed loop, as its cells name them."""
ALL_DUE = ArrivalProcess(ArrivalKind.BURST)
"""What its requests are drawn with: when they are sent is decided as it goes."""


@dataclass(frozen=True)
class PreparedStudy:
    """A validated study with what its names stand for, each resolved, parsed and hashed once.

    Build it with ``prepare``; it can be sent to worker processes. The system's backend is opened by
    the first ``run`` and kept for the next ones; ``close`` lets go of it, and so does leaving a
    ``with`` block.

    Args:
        spec: with nothing left open.
        scheduler_infos: options and code of the study's schedulers, in its order.
        code: what else makes its recordings.
        tiers: in the order of the specification, by which requests are drawn.
        targets: what its runs are judged by.
    """

    spec: StudySpec
    scheduler_infos: tuple[SchedulerInfo, ...]
    system: SystemUnderTest
    code: Code
    service: Service
    source: LengthSource
    process: ArrivalProcess
    tiers: tuple[Tier, ...]
    targets: Targets

    @property
    def has_second_tokens(self) -> bool:
        """Whether any output has two tokens, without which there is no time between tokens."""
        return int(self.source.describe()["output_tokens"]["max"]) > 1

    def runs_ours(self, scheduler: str) -> bool:
        """Whether a scheduler of the study comes with slaibench."""
        return self.info_of(scheduler).is_ours

    def info_of(self, scheduler: str) -> SchedulerInfo:
        """Options and code of one of the study's schedulers."""
        return self.scheduler_infos[self.spec.schedulers.index(scheduler)]

    @property
    def is_risky(self) -> bool:
        """Whether somebody else's code decides in the process that runs a cell. Under a real clock
        it does in a server's."""
        return not self.system.one_at_a_time and not all(map(self.runs_ours, self.spec.schedulers))

    def cell(
        self, scheduler: str, rate_rps: float, seed: int, num_requests: int | None = None
    ) -> CellSpec:
        """The specification of one run.

        Args:
            num_requests: instead of the study's own number.
        """
        spec = self.spec
        own = self.info_of(scheduler)
        return CellSpec(
            **self._hashed,
            scheduler=scheduler,
            scheduler_options=own.options,
            scheduler_source=own.source,
            workload=self.source.name,
            arrivals=str(self.process),
            tiers=",".join(map(str, self.tiers)),
            rate_rps=rate_rps,
            seed=seed,
            num_requests=num_requests or self.requests_at(rate_rps),
            max_total_tokens=spec.max_total_tokens,
            horizon_s=spec.horizon_s,
            convention=spec.convention,
            early_stop=spec.stops_early,
            slaibench_version=__version__,
            code_fingerprint=self.code.fingerprint,
        )

    def closed_cell(self, scheduler: str, clients: int, seed: int) -> CellSpec:
        """The specification of a closed loop of so many clients."""
        return self.cell(scheduler, math.inf, seed, self.spec.requests_of(clients)).model_copy(
            update={"concurrency": clients, "arrivals": CLOSED}
        )

    @cached_property
    def _hashed(self) -> Facts:
        """What identifies the system and the lengths: computed once, of all their values."""
        return {**self.system.identity(), "workload_fingerprint": fingerprint(self.source)}

    def cells(self) -> list[CellSpec]:
        """Every cell of the study: rate by rate (or by number of clients), so that a picture of all
        schedulers grows."""
        seeds = range(self.spec.first_seed, self.spec.first_seed + self.spec.num_seeds)
        if self.spec.concurrency is not None:
            return [
                self.closed_cell(scheduler, clients, seed)
                for clients in self.spec.concurrency
                for seed in seeds
                for scheduler in self.spec.schedulers
            ]
        return [
            self.cell(scheduler, rate, seed)
            for rate in self.spec.rates
            for seed in seeds
            for scheduler in self.spec.schedulers
        ]

    def first_cell(self) -> CellSpec:
        """The first cell of the study; of one without rates, a cell at 1 request/s."""
        spec = self.spec
        if spec.concurrency is not None:
            return self.closed_cell(spec.schedulers[0], spec.concurrency[-1], spec.first_seed)
        return self.cell(spec.schedulers[0], spec.rates[0] if spec.rates else 1.0, spec.first_seed)

    @property
    def extends(self) -> bool:
        """Whether a cell may be made longer (``StudySpec.extends``); a recorded trace cannot."""
        return self.spec.extends and self.process.kind is not ArrivalKind.TRACE

    def requests_at(self, rate_rps: float) -> int:
        """Requests generated for a cell; a recorded trace has no more than it has."""
        wanted = self.spec.requests_at(rate_rps)
        if self.process.kind is not ArrivalKind.TRACE or not isinstance(
            self.source, RecordedSource
        ):
            return wanted
        rows = num_recorded(self.source, self.spec.max_total_tokens)
        return min(wanted, rows) if self.spec.num_requests is not None else rows

    def requests(self, cell: CellSpec) -> list[Request]:
        """The cell's requests; the same for every scheduler (common random numbers)."""
        closed = cell.concurrency is not None
        process = ALL_DUE if closed else ArrivalProcess.parse(cell.arrivals)
        return generate(
            self.source,
            process,
            self.tiers,
            rate_rps=cell.rate_rps if process.takes_rate else None,
            num_requests=cell.num_requests,
            seed=cell.seed,
            max_total_tokens=cell.max_total_tokens,
        )

    def logging_to(self, logs: Path) -> PreparedStudy:
        """The same study, with the logs of its engines in another folder."""
        return replace(self, service=Service(self.system, logs))

    def close(self) -> None:
        """Stop the backend, if there is one; may be called more than once."""
        self.service.close()

    def __enter__(self) -> PreparedStudy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, cell: CellSpec) -> Recording:
        """Run one cell, with a scheduler object of its own.

        A user's file is executed anew for it, so that what the file keeps in its globals cannot
        make a recording depend on which cells ran before it in this process (invariant 4).

        Raises:
            BackendError, SchedulerError: the run cannot be had; the message names the cell.
        """
        where = cell.words
        try:
            scheduler = self.system.build(cell.scheduler)
        except ValueError as error:
            raise SchedulerError(f"{where}: {error}") from error
        source = cell.scheduler_source
        if source is not None and scheduler_info.code_hash(cell.scheduler, scheduler) != source:
            raise SchedulerError(f"{where}: its code changed while the study ran; start it again")
        seen: Seen | None = None
        if self.system.one_at_a_time:
            with watch_of(self.spec, running=self.service.is_open) as watch:
                output = serve(cell, self.requests(cell), scheduler, self.service)
            seen = watch.seen(output.end_s)
        else:
            output = serve(cell, self.requests(cell), scheduler, self.service)
        run = run_json(
            cell,
            output,
            seen,
            scheduler=scheduler.name,
            system=self.system,
            code=self.code,
            source=self.source,
        )
        return Recording(run, output.requests, output.steps, output.server)


def prepare(spec: StudySpec) -> PreparedStudy:
    """Resolve and check every name of a study before any of it runs.

    Raises:
        ValueError: an unknown name, a bad value or target, with the nearest match and the way out.
    """
    kind = find(spec.backend)
    spec = settled(spec)
    scheduler_infos = tuple(map(kind.info_of, spec.schedulers))
    spec, source = with_source(spec)
    longest = _at_most(int(source.describe()["total_tokens"]["max"]), spec.max_total_tokens)
    system = kind.of(
        spec,
        Demand(
            context_tokens=_at_most(with_room(source, longest), spec.max_total_tokens),
            token_budget=max(info.token_budget for info in scheduler_infos),
            max_active=max(info.max_active for info in scheduler_infos),
            is_stock=any(info.is_stock for info in scheduler_infos),
        ),
    )
    spec, tiers = with_tiers(spec, source)
    prepared = PreparedStudy(
        spec=spec,
        scheduler_infos=scheduler_infos,
        system=system,
        code=code_of(kind, spec.clock or Clock.VIRTUAL),
        service=Service(system),
        source=source,
        process=ArrivalProcess.parse(spec.arrivals_or_default),
        tiers=tiers,
        targets=Targets.of(spec, tiers),
    )
    for limit in system.limits():
        if longest > limit.most_tokens:
            raise ValueError(
                f"workload {source.name} has requests of up to {longest} tokens (prompt + "
                f"output), {limit.what} holds {limit.most_tokens}; leave longer ones out with "
                f"--max-total-tokens {limit.most_tokens}"
            )
    if len(spec.rates) > 1 and not prepared.process.takes_rate:
        raise ValueError(
            f"{prepared.process} arrivals do not depend on a rate: {len(spec.rates)} rates would "
            f"be {len(spec.rates)} times the same run; give one, which is then only a label"
        )
    if prepared.targets.look_at_requests:
        check_said(prepared.targets, prepared.requests(prepared.first_cell()))
    return prepared


def _at_most(tokens: int, limit: int | None) -> int:
    return tokens if limit is None else min(tokens, limit)
