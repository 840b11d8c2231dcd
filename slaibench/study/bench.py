"""A study made ready to run: every name resolved once; its cells, and how one of them runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schedulers.base import Scheduler, SchedulerError
from slaibench.backends.base import BackendError, Progress, RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.catalog.model import Model, get_model
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile, load_profile
from slaibench.costmodel import CostModel
from slaibench.measure.steady import early_verdict
from slaibench.recording.record import SCHEMA_VERSION, Recording
from slaibench.recording.store import spec_hash
from slaibench.spec import CellSpec, StudySpec
from slaibench.study import policy
from slaibench.study.regime import excesses_of_run
from slaibench.version import __version__
from workloads import registry as workload_registry
from workloads.arrivals import ArrivalKind, ArrivalProcess
from workloads.generate import fingerprint, generate
from workloads.lengths import LengthSource, RecordedSource
from workloads.request import Request
from workloads.tiers import DEFAULT_TIERS, Tier, parse_tiers

BACKENDS = ("sim",)


@dataclass(frozen=True)
class Bench:
    """A validated study with what its names stand for.

    Build it with ``prepare``; it can be sent to worker processes.

    Args:
        policies: options and code of the study's schedulers, in its order.
    """

    spec: StudySpec
    policies: tuple[policy.Policy, ...]
    model: Model
    profile: Profile
    source: LengthSource
    process: ArrivalProcess
    tiers: tuple[Tier, ...]

    def cell(self, scheduler: str, rate_rps: float, seed: int) -> CellSpec:
        """The specification of one run."""
        spec = self.spec
        known = self.policies[spec.schedulers.index(scheduler)]
        return CellSpec(
            model=spec.model,
            gpu=spec.gpu,
            backend=spec.backend,
            scheduler=scheduler,
            scheduler_options=known.options,
            scheduler_source=known.source,
            workload=self.source.name,
            workload_fingerprint=fingerprint(self.source),
            arrivals=str(self.process),
            tiers=",".join(map(str, self.tiers)),
            rate_rps=rate_rps,
            seed=seed,
            num_requests=self.requests_at(rate_rps),
            max_total_tokens=spec.max_total_tokens,
            horizon_s=spec.horizon_s,
            convention=spec.convention,
            early_stop=spec.stops_early,
            profile_fingerprint=self.profile.fingerprint,
            kv_blocks=self.kv_blocks,
            block_size=self.profile.block_size,
            slaibench_version=__version__,
        )

    def cells(self) -> list[CellSpec]:
        """Every cell of the study: rate by rate, so that a picture of all schedulers grows."""
        return [
            self.cell(scheduler, rate, self.spec.first_seed + replicate)
            for rate in self.spec.rates
            for replicate in range(self.spec.num_seeds)
            for scheduler in self.spec.schedulers
        ]

    def requests_at(self, rate_rps: float) -> int:
        """Requests generated for a cell; a recorded trace has no more than it has."""
        wanted = self.spec.requests_at(rate_rps)
        if self.process.kind is not ArrivalKind.TRACE or not isinstance(
            self.source, RecordedSource
        ):
            return wanted
        total = self.source.recorded.total_tokens
        longest = self.spec.max_total_tokens or int(total.max())
        rows = int((total <= longest).sum())
        return min(wanted, rows) if self.spec.num_requests is not None else rows

    @property
    def kv_blocks(self) -> int:
        return self.spec.kv_blocks or self.profile.kv_blocks

    def requests(self, cell: CellSpec) -> list[Request]:
        """The cell's requests; the same for every scheduler (common random numbers)."""
        return generate(
            self.source,
            self.process,
            self.tiers,
            rate_rps=cell.rate_rps if self.process.takes_rate else None,
            num_requests=cell.num_requests,
            seed=cell.seed,
            max_total_tokens=cell.max_total_tokens,
        )

    def run(self, cell: CellSpec) -> Recording:
        """Run one cell.

        Raises:
            BackendError, SchedulerError: the run cannot be had; the message names the cell.
        """
        where = f"{cell.scheduler} at {cell.rate_rps:g} requests/s, seed {cell.seed}"
        try:
            scheduler = policy.build(cell.scheduler)
        except ValueError as error:
            raise SchedulerError(f"{where}: {error}") from error
        if policy.code_hash(cell.scheduler, scheduler) != cell.scheduler_source:
            raise SchedulerError(f"{where}: its code changed while the study ran; start it again")
        output = self._simulate(cell, scheduler, where)
        return self._recording(cell, scheduler, output)

    def _simulate(self, cell: CellSpec, scheduler: Scheduler, where: str) -> RunOutput:
        simulator = Simulator(
            CostModel(self.profile),
            total_blocks=cell.kv_blocks,
            block_size=cell.block_size,
            max_context_tokens=self.model.max_context_tokens,
        )
        settings = RunSettings(
            horizon_s=cell.horizon_s,
            stop=saturated_early if cell.early_stop else None,
        )
        requests = self.requests(cell)
        try:
            return simulator.run(requests, scheduler, settings)
        except BackendError as error:
            raise BackendError(f"{where}: {error}") from error
        except SchedulerError as error:
            raise SchedulerError(f"{where}: {error}") from error
        except Exception as error:
            if policy.is_ours(scheduler):
                raise
            # A user's scheduler may fail in any way at all; what it said is all that helps.
            raise SchedulerError(f"{where}: {policy.failure(error)}") from error

    def _recording(self, cell: CellSpec, scheduler: Scheduler, output: RunOutput) -> Recording:
        spec = cell.spec()
        run = {
            "schema_version": SCHEMA_VERSION,
            "spec": spec,
            "spec_hash": spec_hash(spec),
            "scheduler": {"name": scheduler.name, "options": cell.scheduler_options},
            "backend": {"name": cell.backend, "clock": "virtual"},
            "profile": profile_facts(self.profile),
            "workload": {"name": self.source.name, "note": self.source.note},
            "convention": cell.convention.value,
            "kv_blocks": cell.kv_blocks,
            "block_size": cell.block_size,
            "versions": {"slaibench": __version__},
            "hardware": {"gpu": cell.gpu, "simulated": True},
            "end_s": output.end_s,
            "stopped_early": output.stopped_early,
            "notes": [
                f"outside the profile's regime: {each}"
                for each in excesses_of_run(self.profile, output)
            ],
        }
        return Recording(run, output.requests, output.steps)

    def describe(self) -> str:
        """One line: what was simulated, by which profile, with what known error."""
        return describe_profile(self.spec.model, self.spec.gpu, profile_facts(self.profile))


def describe_profile(model: str, gpu: str, facts: dict[str, Any]) -> str:
    """The line that goes with every simulated number (``facts``: ``profile_facts``)."""
    return (
        f"simulated {model} on {gpu}: profile {facts['name']} ({facts['status']}; from "
        f"{facts['engine']}); known errors of its parts: {known_errors(facts['errors'])}"
    )


def known_errors(errors: Mapping[str, float]) -> str:
    """A profile's mean errors in one line; the largest ones are in its facts as well."""
    means = {name: value for name, value in errors.items() if not name.endswith("_max")} or errors
    texts = (
        f"{name.removesuffix('_mean').replace('_', ' ')} {value:.1%}"
        for name, value in sorted(means.items())
    )
    return ", ".join(texts) or "not known"


def prepare(spec: StudySpec) -> Bench:
    """Resolve and check every name of a study before any of it runs.

    Raises:
        ValueError: an unknown name or a bad value, with the nearest match and the way out.
    """
    if spec.backend not in BACKENDS:
        raise ValueError(f"unknown backend {spec.backend!r}. Known: {', '.join(BACKENDS)}")
    model = get_model(spec.model)
    own = spec.profile
    profile = load_profile(own) if own else get_profile(spec.gpu, spec.model)
    policies = tuple(map(policy.describe, spec.schedulers))
    source = (
        workload_registry.resolve(spec.workload)
        if spec.workload
        else workload_registry.default_workload()
    )
    tiers = parse_tiers(spec.tiers) if spec.tiers else DEFAULT_TIERS
    bench = Bench(
        spec=spec,
        policies=policies,
        model=model,
        profile=profile,
        source=source,
        process=ArrivalProcess.parse(spec.arrivals_or_default),
        tiers=tiers,
    )
    _refuse_too_long(bench)
    if len(spec.rates) > 1 and not bench.process.takes_rate:
        raise ValueError(
            f"{bench.process} arrivals do not depend on a rate: {len(spec.rates)} rates would be "
            f"{len(spec.rates)} times the same run; give one, which is then only a label"
        )
    return bench


def saturated_early(progress: Progress) -> str | None:
    """Stop rule: the reason, once it is certain that the run is saturated."""
    verdict = early_verdict(progress.due_s, progress.left_s, progress.now_s)
    if not verdict.saturated:
        return None
    return f"saturated, stopped at {progress.now_s:.0f} s: {verdict.reason}"


def _refuse_too_long(bench: Bench) -> None:
    """Refuse a workload whose longest request could never be served.

    Raises:
        ValueError: with the limit, and how to leave such requests out.
    """
    limit = bench.spec.max_total_tokens
    longest = int(bench.source.describe()["total_tokens"]["max"])
    if limit is not None:
        longest = min(longest, limit)
    cache_tokens = bench.kv_blocks * bench.profile.block_size
    for what, most in (
        (f"the context of {bench.model.name}", bench.model.max_context_tokens),
        (f"the KV cache ({bench.kv_blocks} blocks)", cache_tokens),
    ):
        if longest > most:
            raise ValueError(
                f"workload {bench.source.name} has requests of up to {longest} tokens (prompt + "
                f"output), {what} holds {most}; leave longer ones out with "
                f"--max-total-tokens {most}"
            )


def profile_facts(profile: Profile) -> dict[str, Any]:
    """What a reader of a recording must know of the profile behind it."""
    return {
        "name": profile.name,
        "status": profile.status.value,
        "engine": profile.engine,
        "source": profile.source,
        "errors": dict(profile.errors),
        "fingerprint": profile.fingerprint,
    }
