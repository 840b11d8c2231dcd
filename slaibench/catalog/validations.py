"""What is known of a profile's errors on whole runs: validations, kept beside profiles.

Those of profiles that ship are data of the catalog; those of this machine lie in the cache folder
(``slaibench.workloads.cache``), in files of the same form: ``validations/<gpu>_<model>.json``. Each
names the fingerprint of the profile that it was made with; once a profile's numbers change, its
validations are no longer its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from slaibench.catalog.fields import CatalogError, Fields, read_object
from slaibench.catalog.profile import Profile
from slaibench.machine.atomic_write import write_whole
from slaibench.workloads.cache import cache_dir

SCHEMA_VERSION = 1
FOLDER = "validations"


@dataclass(frozen=True, slots=True)
class Validation:
    """The simulator with one profile, compared with one run of an engine. Figures, never the run.

    Args:
        fingerprint: of the profile.
        against: what it was compared with: name of the log or recording, and its load.
        source: where that is from.
        engine: what made it: engine and version.
        scheduler: that the simulator ran.
        num_requests: requests that were scored.
        step_overhead_ms: time between steps that was simulated.
        fitted: whether that was fitted to other requests of the same run; else the profile's.
        errors: signed relative errors by name: ``ttft_mean``, ``tpot_p50``, ...
        grades: by latency, and ``all``.
    """

    fingerprint: str
    against: str
    source: str
    engine: str
    scheduler: str
    num_requests: int
    step_overhead_ms: float
    fitted: bool
    errors: Mapping[str, float]
    grades: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain values, as its file has them."""
        return asdict(self)

    @classmethod
    def parse(cls, fields: Fields) -> Validation:
        """From an object in a file.

        Raises:
            CatalogError: a value is missing, unknown or of the wrong kind.
        """
        errors = Fields(fields.mapping("errors"), f"{fields.where}, errors")
        grades = Fields(fields.mapping("grades"), f"{fields.where}, grades")
        validation = cls(
            fingerprint=fields.text("fingerprint"),
            against=fields.text("against"),
            source=fields.text("source"),
            engine=fields.text("engine"),
            scheduler=fields.text("scheduler"),
            num_requests=fields.whole("num_requests"),
            step_overhead_ms=fields.number("step_overhead_ms", positive=False),
            fitted=fields.flag("fitted"),
            errors={key: errors.signed(key) for key in fields.mapping("errors")},
            grades={key: grades.text(key) for key in fields.mapping("grades")},
        )
        fields.done()
        if not validation.errors:
            raise CatalogError(f"{fields.where}: errors must not be empty")
        grades.text("all")
        return validation


def validations_of(profile: Profile) -> tuple[Validation, ...]:
    """All that is known of a profile as it is now: the catalog's, then this machine's.

    Raises:
        CatalogError: a file of them is damaged.
    """
    shipped = files("slaibench.catalog.data") / FOLDER / _file(profile)
    latest = {
        (validation.against, validation.scheduler): validation
        for validation in (*_read(shipped), *_read(own_file(profile)))
    }
    return tuple(
        validation
        for validation in latest.values()
        if validation.fingerprint == profile.fingerprint
    )


def keep(profile: Profile, validation: Validation) -> Path:
    """Keep a validation on this machine, in place of one against the same with the same scheduler.

    Those of what the profile was before are dropped.

    Returns:
        The file.

    Raises:
        CatalogError: the file cannot be read or written.
    """
    path = own_file(profile)
    others = [
        other
        for other in _read(path)
        if other.fingerprint == profile.fingerprint
        and (other.against, other.scheduler) != (validation.against, validation.scheduler)
    ]
    document = {
        "schema_version": SCHEMA_VERSION,
        "validations": [kept.to_json() for kept in (*others, validation)],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(document, indent=1) + "\n")
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def check_keepable(profile: Profile) -> None:
    """Refuse what ``keep`` could not do, before any work is done.

    Raises:
        CatalogError: this machine's file is damaged, or its folder cannot be written.
    """
    path = own_file(profile)
    _read(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


def own_file(profile: Profile) -> Path:
    """Where this machine's validations of a profile lie; the file need not exist."""
    return cache_dir() / FOLDER / _file(profile)


def _unwritable(path: Path, error: OSError) -> CatalogError:
    return CatalogError(
        f"cannot write {path} ({error.strerror}): name another cache folder with SLAIBENCH_CACHE, "
        "or give --no-keep"
    )


def _file(profile: Profile) -> str:
    return f"{profile.gpu}_{profile.model}.json".replace("/", "-")


def _read(source: Path | Traversable) -> list[Validation]:
    if not source.is_file():
        return []
    fields = Fields(read_object(source), str(source))
    version = fields.whole("schema_version")
    if version != SCHEMA_VERSION:
        raise CatalogError(
            f"{source}: schema_version {version} is not {SCHEMA_VERSION}; remove the file, and "
            "validate again"
        )
    entries = fields.objects("validations")
    fields.done()
    return [Validation.parse(entry) for entry in entries]
