"""A profile: how fast one model runs on one GPU, how that is known and how far it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from slaibench.catalog.fields import MISSING, CatalogError, Fields
from slaibench.catalog.host import (
    ASYNCHRONOUS_SINCE,
    Between,
    Host,
    engine_release,
    is_asynchronous,
)
from slaibench.catalog.tables import (
    Attention,
    FormulaAttention,
    SequenceTable,
    TableAttention,
    TokenTable,
)

SCHEMA_VERSION = 1
ROOFLINE = "none (roofline)"
"""How the engine of a profile begins that was not measured at all."""


class Status(StrEnum):
    """How well a profile is founded."""

    MEASURED = "measured"
    """Every GPU term was measured on this card."""
    COMPILED = "compiled"
    """Operators that were measured one by one on this card, put together."""
    FITTED = "fitted"
    """Part was measured on this card; the rest is estimated, or fitted to published points."""
    DATASHEET = "datasheet"
    """Nothing was measured on this card."""


@dataclass(frozen=True, slots=True)
class Regime:
    """What the sources of a profile cover; beyond it, times are extrapolated.

    Args:
        batch_tokens: largest token count of a batch.
        context_tokens: longest history of a chunk and mean context of decodes.
        decodes: most decodes of a batch without prefill.
        mixed_decodes: most decodes beside a prefill chunk.
    """

    batch_tokens: int
    context_tokens: int
    decodes: int
    mixed_decodes: int

    @classmethod
    def parse(cls, fields: Fields) -> Regime:
        """From an object in a file; raises CatalogError as ``Fields`` does."""
        regime = cls(
            batch_tokens=fields.whole("batch_tokens"),
            context_tokens=fields.whole("context_tokens"),
            decodes=fields.whole("decodes"),
            mixed_decodes=fields.whole("mixed_decodes"),
        )
        fields.done()
        return regime


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything the cost model needs for one (GPU, model) pair.

    Args:
        gpu, model: names, as in the catalog (a user's own profile may name others).
        status: how well founded.
        engine: what was measured: engine, version, number format.
        source, licence: of the measurements.
        notes: what was derived, scaled or assumed, in sentences.
        regime: what the sources cover.
        errors: known relative errors by name (0.01: 1 %). ``batch_``: of a batch's time,
            ``linear_`` and ``attention_``: of that part. ``all_rows``: the shipped tables against
            every measured row; ``left_out``: rows predicted by tables without their place on the
            grid; ``formula``: on the cards the formula was fitted to; ``again``: of the
            measurement itself, one half of its rounds against the other. Rows that exceed the
            card's KV cache do not count.
        kv_blocks: KV blocks of ``block_size`` tokens at 0.9 memory utilization.
        kv_source: where that number is from.
        step_overhead_ms: time between steps that is not the GPU's; 0 where ``host`` is given.
        constant_ms: GPU time of every batch that the tables lack.
        tp: GPUs that it is of, together (tensor parallel).
        delivery_ms: what a request's first token takes beside its batches: the way to the engine
            and back.
        host: time between steps by the way an engine decides batches; None: ``step_overhead_ms``.
    """

    gpu: str
    model: str
    status: Status
    engine: str
    source: str
    licence: str
    notes: tuple[str, ...]
    regime: Regime
    errors: Mapping[str, float]
    kv_blocks: int
    block_size: int
    kv_source: str
    step_overhead_ms: float
    constant_ms: float
    linear: TokenTable
    per_sequence: SequenceTable
    attention: Attention
    delivery_ms: float = 0.0
    tp: int = 1
    host: Host | None = None

    def __post_init__(self) -> None:
        if self.host and self.step_overhead_ms:
            raise CatalogError(
                f"profile {self.name}: step_overhead_ms {self.step_overhead_ms:g} beside host, "
                "which says the same; leave one out (Profile.with_step_overhead does)"
            )

    @property
    def name(self) -> str:
        """``<gpu>/<model>``."""
        return f"{self.gpu}/{self.model}"

    @property
    def is_roofline(self) -> bool:
        """Whether it was made of shape and datasheet alone (``operators.roofline``)."""
        return self.engine.startswith(ROOFLINE)

    @property
    def is_asynchronous(self) -> bool:
        """Whether it is timed as an engine that decides batches ahead, if nothing else is asked
        for: so it was compiled, and its release does."""
        engine, release = engine_release(self.engine)
        compiled = self.status is Status.COMPILED and engine in ASYNCHRONOUS_SINCE
        return compiled and is_asynchronous(engine, release)

    def between(self, asynchronous: bool | None = None) -> Between:
        """What the device waits for between two steps (``Host.between``).

        Args:
            asynchronous: of an engine that decides batches ahead, or of one that does not. None: as
                ``is_asynchronous`` says.
        """
        return self._host.between(self.is_asynchronous if asynchronous is None else asynchronous)

    def hidden(self, asynchronous: bool | None = None) -> Between:
        """What the host spends on a step while the device may run (``Host.hidden``); arguments as
        above."""
        return self._host.hidden(self.is_asynchronous if asynchronous is None else asynchronous)

    @property
    def _host(self) -> Host:
        return self.host or Host(Between(self.step_overhead_ms))

    def with_step_overhead(self, ms: float) -> Profile:
        """The same with so much between steps that the device waits for, whatever the mode and the
        batch."""
        return replace(self, step_overhead_ms=0.0, host=Host(Between(ms), Between(ms)))

    @property
    def fingerprint(self) -> str:
        """Hash of every value that decides a time or a capacity; texts and errors left out."""
        values = asdict(self)
        for key in ("tp", "source", "licence", "notes", "errors", "kv_source", "status", "engine"):
            del values[key]
        if not self.delivery_ms:
            del values["delivery_ms"]  # profiles of before it keep their hash
        if self.host is None:
            del values["host"]
        for key in ("by_decodes", "unequal"):
            if values["attention"].get(key) is None:
                values["attention"].pop(key, None)
        text = json.dumps(values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_profile(values: Mapping[str, Any], where: str) -> Profile:
    """Check a profile's JSON object.

    Raises:
        CatalogError: a value is missing, unknown or out of range; the message says which and where.
    """
    fields = Fields(values, where)
    version = fields.whole("schema_version")
    if version != SCHEMA_VERSION:
        raise CatalogError(
            f"{where}: schema_version {version} is not {SCHEMA_VERSION}; "
            "write it again in the format of this version's profiles"
        )
    status = fields.text("status")
    if status not in set(Status):
        raise CatalogError(f"{where}: status must be one of {', '.join(Status)}, not {status!r}")
    kv = fields.inner("kv")
    errors = fields.mapping("errors")
    checked = Fields(errors, f"{where}, errors")
    absent = 0.0 if "host" in values else MISSING
    profile = Profile(
        gpu=fields.text("gpu"),
        model=fields.text("model"),
        status=Status(status),
        engine=fields.text("engine"),
        source=fields.text("source"),
        licence=fields.text("licence"),
        notes=fields.texts("notes"),
        regime=Regime.parse(fields.inner("regime")),
        errors={key: checked.number(key, positive=False) for key in errors},
        kv_blocks=kv.whole("blocks"),
        block_size=kv.whole("block_size"),
        kv_source=kv.text("source"),
        step_overhead_ms=fields.number("step_overhead_ms", absent, positive=False),
        constant_ms=fields.number("constant_ms", default=0.0, positive=False),
        linear=TokenTable.parse(fields.inner("linear")),
        per_sequence=SequenceTable.parse(fields.inner("per_sequence")),
        attention=_attention(fields.inner("attention")),
        delivery_ms=fields.number("delivery_ms", default=0.0, positive=False),
        tp=fields.whole("tensor_parallel", default=1),
        host=Host.parse(fields.inner("host")) if "host" in values else None,
    )
    kv.done()
    fields.done()
    return profile


def _attention(fields: Fields) -> Attention:
    kind = fields.text("kind")
    if kind == "table":
        return TableAttention.parse(fields)
    if kind == "formula":
        return FormulaAttention.parse(fields)
    raise CatalogError(f"{fields.where}: kind must be 'table' or 'formula', not {kind!r}")
