"""Whether a release of an engine that nobody tested decides as the simulator does: checked once.

The adapters read and steer what is inside an engine, which may change with each of its releases.
On an emulated device every batch and every token must come out as in the simulator
(``docs/validation.md``): a release in which they do, for some requests and schedulers, is used. The
outcome is kept by version and by the code that it was found with.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from slaibench.backends.base import Backend, BackendError, RunOutput, RunSettings
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.simulator.backend import Simulator
from slaibench.catalog.model import get_model
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile
from slaibench.costmodel import CostModel
from slaibench.machine.atomic_write import write_whole
from slaibench.machine.source import fingerprint, modules
from slaibench.recording.record import RequestTable, StepTable
from slaibench.schedulers import registry
from slaibench.schedulers.base import SchedulerError
from slaibench.schedulers.engines.support import Releases, UnsupportedEngineError
from slaibench.workloads import registry as workload_registry
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.cache import cache_dir
from slaibench.workloads.generate import generate
from slaibench.workloads.request import Request

NUM_REQUESTS = 100
SCHEDULERS = ("sarathi", "slai", "hrrn:max_started=1", "orca")
"""Chunks beside decodes, withheld decodes, interrupted prompts, whole prompts."""
MODEL, GPU = "mistral-7b", "rtx4090"
"""Its profile times unequal contexts: whoever misreads the longest one is found out."""
RATE_RPS = 1.6
KV_BLOCKS, CONTEXT_TOKENS = 1500, 9216
"""So few blocks that requests are preempted all the time."""
TOKEN_BUDGET, MAX_ACTIVE = 1024, 128

Open = Callable[[EngineOptions, Profile, Path], Backend]
"""Opens the engine on an emulated device in virtual time; the folder is for what it prints."""


@dataclass(frozen=True, slots=True)
class Untested:
    """A release that is newer than what was tested.

    Args:
        releases: those that were.
        open: opens it.
    """

    releases: Releases
    version: str
    open: Open

    @property
    def name(self) -> str:
        return f"{self.releases.name} {self.version}"


def check_release(releases: Releases, version: str, open_engine: Open) -> str:
    """The version of an engine that is installed, which decides as the simulator does.

    Raises:
        BackendError: it is not supported, decides otherwise, or could not be checked.
    """
    try:
        releases.check(version)
    except UnsupportedEngineError as error:
        raise BackendError(str(error)) from error
    if releases.is_untested(version):
        ensure(Untested(releases, version, open_engine))
    return version


def ensure(release: Untested, folder: Path | None = None) -> None:
    """Check a release against the simulator, unless that was done.

    Args:
        folder: where outcomes are kept; None: in the cache folder.

    Raises:
        BackendError: it decides otherwise, or could not be run.
    """
    folder = cache_dir() / "self-checks" if folder is None else folder
    tested = release.releases
    code = fingerprint(modules((tested.adapter, Simulator.__module__)))
    kept = folder / f"{tested.package}-{release.version}-{code}.json"
    if not kept.exists():
        sys.stderr.write(
            f"{release.name} is newer than what was tested ({tested.tested}): "
            f"checking it against the simulator on {NUM_REQUESTS} requests, once\n"
        )
        sys.stderr.flush()
        differs = _first_difference(release, folder)
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, json.dumps({"difference": differs}))
    difference = json.loads(kept.read_text(encoding="utf-8"))["difference"]
    if difference is not None:
        raise BackendError(
            f"{release.name} does not decide as the simulator does "
            f"({difference}): use {tested.tested}, or set {tested.any_version}=1 to try it all "
            f"the same; this is kept in {kept}"
        )


def _first_difference(release: Untested, logs: Path) -> str | None:
    """What differs first, in words.

    Raises:
        BackendError: the engine does not start; nothing is known then.
    """
    profile = get_profile(GPU, MODEL)
    options = EngineOptions(
        get_model(MODEL),
        None,
        CONTEXT_TOKENS,
        TOKEN_BUDGET,
        MAX_ACTIVE,
        KV_BLOCKS,
        profile.block_size,
    )
    simulator = Simulator(
        CostModel(profile, asynchronous=options.asynchronous),
        total_blocks=KV_BLOCKS,
        max_context_tokens=CONTEXT_TOKENS,
        asynchronous=options.asynchronous,
    )
    backend = release.open(options, profile, logs)
    try:
        for text in SCHEDULERS:
            outputs = []
            for server in (simulator, backend):
                settings = RunSettings(scheduler=text)
                outputs.append(server.run(requests(), registry.build(text), settings))
            if (differs := difference(*outputs)) is not None:
                return f"under {text}: {differs}"
    except SchedulerError as error:
        return f"under {text}: {error}"
    finally:
        backend.close()
    return None


def requests() -> Sequence[Request]:
    """What both serve."""
    return generate(
        workload_registry.resolve("sharegpt4-model"),
        ArrivalProcess.parse("poisson"),
        rate_rps=RATE_RPS,
        num_requests=NUM_REQUESTS,
        seed=0,
    )


def difference(ours: RunOutput, theirs: RunOutput) -> str | None:
    """The first column in which two runs differ, in words; None: in none that must agree."""
    for kind, name in ((RequestTable, "requests"), (StepTable, "steps")):
        tables = getattr(ours, name), getattr(theirs, name)
        if len(tables[0]) != len(tables[1]):
            return f"{len(tables[1])} {name} instead of {len(tables[0])}"
        for field in fields(kind):
            # Engines take a prompt's blocks chunk by chunk, the simulator all at its admission.
            a, b = (getattr(table, field.name) for table in tables)
            if field.name != "kv_blocks_used" and not np.array_equal(
                a, b, equal_nan=a.dtype.kind == "f"
            ):
                return f"{name}.{field.name}"
    return None
