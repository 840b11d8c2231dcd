"""Why a row may be far off, told from what it is and never from how far it is."""

from __future__ import annotations

from enum import StrEnum

from slaibench.catalog.model import Model
from slaibench.catalog.profile import Profile
from slaibench.studies.board.rows import Row, Source

MOST_CLIENTS = 256
"""Beyond it, scripts' own limits on running requests decide, which were not published."""
FULL = 0.8
"""Share of the cache that all clients' requests fill at their ends, from which on its size decides
what waits: real caches are 4 to 7 % off any model of them."""
OWN_OPERATORS = {
    "MiniMaxM2ForCausalLM": "norms of queries and keys over the heads of all GPUs, an all-reduce "
    "more in each layer, which the library lacks",
    "GlmMoeDsaForCausalLM": "attention to chosen tokens, of which the library has rows of another "
    "engine",
}
"""Architectures whose layers the library has in part, and what is not there."""


class Cause(StrEnum):
    """A property of a row with which errors were expected."""

    FULL_CACHE = "the cache is nearly full"
    MANY_CLIENTS = "more than 256 clients"
    OWN_OPERATORS = "layers that the library has in part"
    LATENT = "latent attention"
    EXPERTS = "experts"
    LOW_PRECISION = "4-bit weights"
    BLACKWELL = "B200 or B300"
    MANY_GPUS = "eight GPUs"
    UNSCRIPTED = "how it was run was not published"
    OLD_RELEASE = "a release before vLLM 0.14 or SGLang 0.5.9, or not published"


UNFITTED = frozenset({Cause.FULL_CACHE, Cause.MANY_CLIENTS})
"""Rows with these say nothing of host time, and none is fitted to them."""


def causes_of(row: Row, profile: Profile, model: Model) -> frozenset[Cause]:
    """Which hold of a row."""
    configuration = row.configuration
    tokens = row.concurrency * (row.prompt_tokens + row.output_tokens)
    holds = {
        Cause.FULL_CACHE: tokens > FULL * profile.kv_blocks * profile.block_size,
        Cause.MANY_CLIENTS: row.concurrency > MOST_CLIENTS,
        Cause.OWN_OPERATORS: model.architecture in OWN_OPERATORS,
        Cause.LATENT: model.latent is not None,
        Cause.EXPERTS: model.experts is not None,
        Cause.LOW_PRECISION: configuration.precision in ("fp4", "int4"),
        Cause.BLACKWELL: configuration.gpu.startswith("b"),
        Cause.MANY_GPUS: configuration.tp == 8,
        Cause.UNSCRIPTED: row.source is Source.GAP_ANALYSIS,
        Cause.OLD_RELEASE: is_old(configuration.engine, configuration.version),
    }
    return frozenset(cause for cause, yes in holds.items() if yes)


def is_old(engine: str, version: str) -> bool:
    """Whether a release is older than the operators' neighbours; a nightly build is not."""
    numbers = version.partition(".post")[0].split(".")
    if not all(number.isdigit() for number in numbers):
        return not version
    oldest = (0, 14) if engine == "vllm" else (0, 5, 9)
    return tuple(map(int, numbers)) < oldest
