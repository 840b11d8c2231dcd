"""Host time: what an engine spends beside its GPU, by release, as fitted to published runs.

The numbers are ``data/host_times.json``, written by ``slaibench board --fit`` from the fitted half
of the published runs, and by nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from slaibench.catalog.fields import Fields, read_object

SCHEMA_VERSION = 1
FILE = "host_times.json"
ASYNCHRONOUS_SINCE = {"vllm": (0, 14), "sglang": (0, 4)}
"""Releases from which on an engine decides a batch while the one before it runs (vLLM:
vllm-project/vllm#27614; SGLang's overlap scheduler: v0.4)."""


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
    """

    engine: str
    asynchronous: bool
    architecture: str
    step_ms: float
    sequence_ms: float
    first_ms: float
    rows: int
    configurations: int

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
        )
        fields.done()
        return time

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the file has them."""
        values = asdict(self)
        architecture = values.pop("architecture")
        return {**values, "models": {"architecture": architecture} if architecture else {}}


def is_asynchronous(engine: str, release: str | None) -> bool:
    """Whether a release decides batches ahead by default; None, or no number: the newest does."""
    parts = (release or "").split(".")[:2]
    if len(parts) < 2 or not all(part.isdigit() for part in parts):
        return True
    return tuple(map(int, parts)) >= ASYNCHRONOUS_SINCE[engine]


def host_document(times: Sequence[HostTime], source: str) -> str:
    """The text of the file.

    Args:
        source: what they were fitted to.
    """
    values = {
        "schema_version": SCHEMA_VERSION,
        "source": source,
        "times": [time.to_json() for time in times],
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
    of_engine = {
        time.architecture: time
        for time in (host_times() if times is None else times)
        if (time.engine, time.asynchronous) == (engine, ahead)
    }
    return of_engine.get(architecture) or of_engine.get("")


def with_host_time(
    values: Mapping[str, Any], time: HostTime, *, deployment: bool = False
) -> dict[str, Any]:
    """A compiled profile's values (``operators.compile``) with an engine's host time in them.

    Args:
        deployment: with the time on the way of a first token too. That is of the deployments that
            it was fitted to (their clients, their scripts), and carries over to no other.
    """
    heads = values["per_sequence"]
    ms = [
        round(ms + time.sequence_ms * count, 6)
        for count, ms in zip(heads["sequences"], heads["ms"], strict=True)
    ]
    changed: dict[str, Any] = {
        **values,
        "step_overhead_ms": round(values["step_overhead_ms"] + time.step_ms, 6),
        "per_sequence": {"sequences": list(heads["sequences"]), "ms": ms},
    }
    if deployment:
        changed["delivery_ms"] = round(values.get("delivery_ms", 0.0) + time.first_ms, 6)
    return changed
