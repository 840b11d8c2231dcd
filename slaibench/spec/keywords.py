"""A specification's fields as typed keyword arguments, for editors, notebooks and mypy.

A ``TypedDict`` can only be written out; ``tests/spec/test_keywords.py`` holds it equal to the
fields of ``StudySpec``, which say what each means.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Literal, Required, TypedDict, TypeVar, get_type_hints

from slaibench.endpoint.dialect import Dialect
from slaibench.operators.deployment import OperatorSource, Precision
from slaibench.rates import Rates
from slaibench.spec.serving import Clock, Device
from slaibench.spec.study import StudySpec
from slaibench.spec.targets import Convention

F = TypeVar("F", bound=Callable[..., Any])


class RequestFields(TypedDict, total=False):
    """What any run takes, whoever serves."""

    model: str | None
    max_context_tokens: int | None
    api: str | None
    prompts: str | None
    only_openai: bool
    dialect: Dialect | None
    timeout_s: float | None
    metrics_url: str | None
    workload: str | None
    arrivals: str | None
    tiers: str | None
    num_requests: int | None
    duration_s: float | None
    shared_prefix: int | None
    max_total_tokens: int | None
    convention: Convention | Literal["strict", "paper"]
    slo: str | None
    early_stop: bool | None


class EndpointFields(RequestFields, total=False):
    """What a replay against a server takes besides these."""

    first_seed: int


class CellFields(RequestFields, total=False):
    """What a single run takes besides these."""

    backend: str
    device: Device | Literal["emulated", "cpu", "cuda"] | None
    clock: Clock | Literal["virtual", "real"] | None
    gpu: str | None
    profile: str | None
    weights: str | None
    prefix_caching: bool
    async_scheduling: bool | None
    kv_blocks: int | None
    speculative_tokens: int | None
    acceptance_rate: float | None
    engine_args: str | None
    tp: int | None
    ep: int | None
    precision: Precision | Literal["bf16", "fp8", "fp4"] | None
    engine: OperatorSource | Literal["vllm", "sglang", "roofline"] | None
    engine_version: str | None
    url: str | None


class SpecFields(CellFields, total=False):
    """What a study of schedulers and rates takes besides these."""

    num_seeds: int
    first_seed: int


class CapacityFields(SpecFields, total=False):
    """What a search takes besides these, of a server at a URL."""

    minutes: float | None
    max_rate_rps: float | None


class ServerFields(EndpointFields, total=False):
    """What a search on a server takes."""

    url: Required[str]
    minutes: float | None
    max_rate_rps: float | None


class BaselineFields(CapacityFields, total=False):
    """All fields: a baseline's, any of which may be another."""

    schedulers: Sequence[str]
    rates: Rates


def spelled_out(fields: Any) -> Callable[[F], F]:
    """Make a function's signature name the fields that its ``**spec`` takes.

    Type checkers read ``Unpack[SpecFields]``; ``help()``, ``?`` and completion in a notebook read
    the signature.

    Args:
        fields: the ``TypedDict`` of its ``**spec``.
    """

    def spell(function: F) -> F:
        signature = inspect.signature(function)
        hints = get_type_hints(fields)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        more = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=StudySpec.model_fields[name].default,
                annotation=hint,
            )
            for name, hint in hints.items()
        ]
        function.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
        return function

    return spell
