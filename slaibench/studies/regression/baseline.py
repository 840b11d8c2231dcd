"""A baseline: a folder that says what to run, what came of it, and what is judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slaibench.machine.atomic_write import write_whole
from slaibench.recording.store import RecordingError
from slaibench.spec import Clock, StudySpec
from slaibench.studies.regression import metrics as metrics_of_runs
from slaibench.studies.regression.replicate import Replicate

FORMAT = 1
FILE = "baseline.json"
DEFAULT_MARGIN = 0.05
"""A twentieth: half of the smallest change that is worth an alarm, 10 %."""
DEFAULT_SEEDS = 8
"""With 45 metrics and rates judged together, a verdict takes 4.7 standard errors with 8 replicates
and 21 with 3."""


@dataclass(frozen=True)
class Baseline:
    """What a later run is compared with.

    Args:
        spec: what was run, with nothing left open.
        about: the system under test, in a line.
        versions, hardware: of what decides times, as recordings name them.
        sources: hash of each scheduler's code.
        code: fingerprint of what else makes recordings (``study.code``); None: of before it was
            kept.
        metrics: judged ones.
        margin: largest relative change that does not matter.
        replicates: what came of each run.
    """

    spec: StudySpec
    about: str
    versions: Mapping[str, str]
    hardware: Mapping[str, Any]
    sources: Mapping[str, str | None]
    code: str | None
    metrics: tuple[str, ...]
    margin: float
    replicates: tuple[Replicate, ...]

    @property
    def exact(self) -> bool:
        """Whether the same code gives the same bytes."""
        return self.spec.clock is Clock.VIRTUAL

    @property
    def points(self) -> set[tuple[str, float]]:
        """Schedulers and rates that were run."""
        return {(replicate.scheduler, replicate.rate_rps) for replicate in self.replicates}


def read(folder: Path) -> Baseline:
    """A baseline from its folder.

    Raises:
        ValueError: there is none, or it is damaged or of another format.
    """
    file = folder / FILE
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(
            f"there is no baseline {str(folder)!r} (it has no {FILE}): write one with --update"
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{str(file)!r} cannot be read: {error}") from error
    version = data.get("format") if isinstance(data, dict) else None
    if version != FORMAT:
        raise ValueError(
            f"{str(file)!r} is not a baseline of format {FORMAT} (it says {version!r}): write it "
            "again with --update, or use the slaibench that wrote it"
        )
    try:
        return Baseline(
            spec=StudySpec.model_validate(data["spec"]),
            about=str(data["about"]),
            versions=dict(data["versions"]),
            hardware=dict(data["hardware"]),
            sources=dict(data["sources"]),
            code=data.get("code"),
            metrics=metrics_of_runs.check(data["metrics"]),
            margin=float(data["margin"]),
            replicates=tuple(map(Replicate.from_json, data["replicates"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{str(file)!r} is damaged ({type(error).__name__}: {error}): restore it, or write it "
            "again with --update"
        ) from error


def write(baseline: Baseline, folder: Path) -> Path:
    """Write a baseline, whole or not at all; a run a line, so that a diff can be read.

    Raises:
        RecordingError: the file system refused.
    """
    head = {
        "format": FORMAT,
        "about": baseline.about,
        "exact": baseline.exact,
        "margin": baseline.margin,
        "metrics": list(baseline.metrics),
        "versions": dict(baseline.versions),
        "hardware": dict(baseline.hardware),
        "sources": dict(baseline.sources),
        "code": baseline.code,
        "spec": baseline.spec.to_json(),
    }
    text = json.dumps(head, indent=1).removesuffix("\n}")
    runs = ",\n  ".join(json.dumps(replicate.to_json()) for replicate in baseline.replicates)
    file = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(file, f'{text},\n "replicates": [\n  {runs}\n ]\n}}\n')
    except OSError as error:
        raise RecordingError(f"cannot write baseline {str(folder)!r}: {error}") from error
    return file
