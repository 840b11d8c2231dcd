"""Host time: what an engine spends beside its GPU, in a profile and by release.

The numbers by release are ``data/host_times.json``: of the fitted half of the published runs, by
``slaibench board --fit``, and of calibrations of ours, by ``benchmarks.gpu.host_time``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from slaibench.catalog.fields import CatalogError, Fields, read_object

SCHEMA_VERSION = 1
FILE = "host_times.json"
ASYNCHRONOUS_SINCE = {"vllm": (0, 14), "sglang": (0, 4)}
"""Releases from which on an engine decides a batch while the one before it runs (vLLM:
vllm-project/vllm#27614; SGLang's overlap scheduler: v0.4)."""


@dataclass(frozen=True, slots=True)
class Between:
    """Time between two steps that is not the device's.

    Args:
        step_ms: a step.
        sequence_ms: a step, for each sequence of its batch (decodes and prompt chunks).
    """

    step_ms: float
    sequence_ms: float = 0.0

    @property
    def seconds(self) -> tuple[float, float]:
        """Both of them."""
        return self.step_ms * 1e-3, self.sequence_ms * 1e-3

    @classmethod
    def parse(cls, fields: Fields) -> Between:
        """From an object in a file; raises CatalogError as ``Fields`` does."""
        between = cls(
            fields.number("step_ms", positive=False),
            fields.number("sequence_ms", default=0.0, positive=False),
        )
        fields.done()
        return between


@dataclass(frozen=True, slots=True)
class Host:
    """Host time of a profile's engine, by the way it decides batches; None: not known.

    Args:
        synchronous: a batch is decided after the one before.
        asynchronous: while the one before runs.
    """

    synchronous: Between | None
    asynchronous: Between | None = None

    @classmethod
    def parse(cls, fields: Fields) -> Host:
        """From an object in a file; raises CatalogError as ``Fields`` does, or without either."""
        ways = [
            Between.parse(fields.inner(way)) if fields.mapping(way) else None
            for way in ("synchronous", "asynchronous")
        ]
        fields.done()
        if ways == [None, None]:
            raise CatalogError(f"{fields.where} lacks both 'synchronous' and 'asynchronous'")
        return cls(*ways)

    def between(self, asynchronous: bool) -> Between:
        """What the device waits for between two steps.

        Where only the synchronous time is known, an asynchronous engine hides all of it; where only
        the asynchronous one is, it stands for both.
        """
        if asynchronous:
            return self.asynchronous or Between(0.0)
        return self.synchronous or self.asynchronous or Between(0.0)

    def hidden(self, asynchronous: bool) -> Between:
        """What the host spends on a step before the device has it, while the one before may run:
        all that an asynchronous engine does not make the device wait for."""
        if not asynchronous or self.synchronous is None:
            return Between(0.0)
        waits, all_of_it = self.between(asynchronous), self.synchronous
        return Between(
            max(all_of_it.step_ms - waits.step_ms, 0.0),
            max(all_of_it.sequence_ms - waits.sequence_ms, 0.0),
        )


@dataclass(frozen=True, slots=True)
class HostTime:
    """An engine's time between steps, and what its first tokens take beside their batches.

    Args:
        engine: vllm or sglang.
        asynchronous: whether a batch is decided while the one before runs.
        architecture: of the models that it is of, whose operators the library lacks in part; empty:
            of all others.
        step_ms: a step.
        sequence_ms: a step, for each sequence of its batch.
        first_ms: a first token, on its way; a deployment's own.
        rows, configurations: that it was fitted to.
        since: first release that it is of, up to that of the next entry; empty: from the first on.
        source: that it was fitted to, where that is not the published runs.
    """

    engine: str
    asynchronous: bool
    architecture: str
    step_ms: float
    sequence_ms: float
    first_ms: float
    rows: int
    configurations: int
    since: str = ""
    source: str = ""

    @classmethod
    def parse(cls, fields: Fields) -> HostTime:
        """From an object in a file; raises CatalogError as ``Fields`` does."""
        time = cls(
            engine=fields.text("engine"),
            asynchronous=fields.flag("asynchronous"),
            architecture=fields.mapping("models").get("architecture", ""),
            step_ms=fields.number("step_ms", positive=False),
            sequence_ms=fields.number("sequence_ms", positive=False),
            first_ms=fields.number("first_ms", positive=False),
            rows=fields.whole("rows"),
            configurations=fields.whole("configurations"),
            since=fields.optional_text("since") or "",
            source=fields.optional_text("source") or "",
        )
        fields.done()
        return time

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the file has them."""
        values = asdict(self)
        architecture = values.pop("architecture")
        beside = {key: text for key in ("since", "source") if (text := values.pop(key))}
        models = {"architecture": architecture} if architecture else {}
        return {**values, "models": models, **beside}

    @property
    def place(self) -> tuple[str, bool, str, tuple[int, ...]]:
        """Where it stands in the file; there is one entry of each place."""
        return self.engine, self.asynchronous, self.architecture, _numbers(self.since)


def engine_release(words: str) -> tuple[str, str]:
    """Engine and release of what a compiled profile calls its engine ("vllm 0.24.0, fp8")."""
    engine, _, release = words.partition(",")[0].partition(" ")
    return engine, release


def is_asynchronous(engine: str, release: str | None) -> bool:
    """Whether a release decides batches ahead by default; None, or no number: the newest does."""
    return _reaches(release, ASYNCHRONOUS_SINCE[engine])


def _numbers(release: str | None) -> tuple[int, ...]:
    """Of "0.14.0" (0, 14); empty: not a release with a number."""
    parts = (release or "").split(".")[:2]
    return tuple(map(int, parts)) if len(parts) == 2 and all(map(str.isdigit, parts)) else ()


def _reaches(release: str | None, since: tuple[int, ...]) -> bool:
    """Whether it is that release or a later one, as any is that has no number."""
    numbers = _numbers(release)
    return not numbers or numbers >= since


def host_document(times: Sequence[HostTime], source: str) -> str:
    """The text of the file.

    Args:
        source: what they were fitted to, where they do not say it themselves.
    """
    values = {
        "schema_version": SCHEMA_VERSION,
        "source": source,
        "times": [time.to_json() for time in sorted(times, key=lambda time: time.place)],
    }
    return json.dumps(values, indent=1) + "\n"


@cache
def host_times() -> tuple[HostTime, ...]:
    """All that were fitted; empty before the first fit.

    Raises:
        CatalogError: the file is damaged.
    """
    source = files("slaibench.catalog.data") / FILE
    if not source.is_file():
        return ()
    fields = Fields(read_object(source), FILE)
    fields.whole("schema_version")
    fields.text("source")
    return tuple(HostTime.parse(entry) for entry in fields.objects("times"))


def host_time(
    engine: str,
    release: str | None,
    *,
    asynchronous: bool | None = None,
    architecture: str = "",
    times: Sequence[HostTime] | None = None,
) -> HostTime | None:
    """That of an engine; None: nothing was fitted for it.

    Args:
        release: None: the newest.
        asynchronous: None: as the release does by default.
        architecture: of the model (its ``config.json``).
        times: instead of the catalog's.
    """
    ahead = is_asynchronous(engine, release) if asynchronous is None else asynchronous
    of_engine = [
        time
        for time in (host_times() if times is None else times)
        if (time.engine, time.asynchronous) == (engine, ahead)
        and time.architecture in ("", architecture)
        and _reaches(release, _numbers(time.since))
    ]
    return max(of_engine, key=lambda time: time.place, default=None)


def with_host_times(
    values: Mapping[str, Any], times: Sequence[HostTime], *, deployment: bool = False
) -> dict[str, Any]:
    """A compiled profile's values (``operators.compile``) with an engine's host times beside them.

    Args:
        times: one for each way of deciding batches that is known.
        deployment: with the time on the way of a first token too. That is of the deployments that
            it was fitted to (their clients, their scripts), and carries over to no other.
    """
    changed: dict[str, Any] = {
        **values,
        "host": {
            "asynchronous" if time.asynchronous else "synchronous": {
                "step_ms": time.step_ms,
                "sequence_ms": time.sequence_ms,
            }
            for time in times
        },
    }
    if not times:
        del changed["host"]
    if deployment:
        first_ms = max(time.first_ms for time in times)
        changed["delivery_ms"] = round(values.get("delivery_ms", 0.0) + first_ms, 6)
    return changed
