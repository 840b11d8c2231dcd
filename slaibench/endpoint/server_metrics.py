"""What servers say of themselves beside a run, and under which names.

Names are those of vLLM 0.32 (``vllm/v1/metrics/loggers.py``) and SGLang 0.5.23
(``sglang/srt/observability/metrics_collector.py``), and of releases before. Of several names of one
quantity the first that a server has is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from slaibench.endpoint.exposition import Sample, samples
from slaibench.endpoint.url import Address, parse_url, public_url

NONE = "none"
"""In place of an address: the metrics are not read."""
ROUTE = "/metrics"
MODEL = "model_name"
RANKS = ("tp_rank", "pp_rank", "attn_tp_rank", "moe_ep_rank")
"""Labels of the parts of one engine, which all say the same of it (SGLang with
``--enable-metrics-for-all-schedulers``)."""
PRIORITY = "priority"
"""SGLang: a part of a number, beside the whole one, whose label is empty."""


class Across(StrEnum):
    """How the numbers of several engines behind one address become one."""

    SUM = "sum"
    MAXIMUM = "maximum"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing that servers say.

    Args:
        name: a column of ``recording.record.ServerTable``.
        metrics: its names, as lines of the text have them.
        across: what several engines' numbers become.
        counts: whether it only grows, from 0 at the server's start.
    """

    name: str
    metrics: tuple[str, ...]
    across: Across = Across.SUM
    counts: bool = False


QUANTITIES = (
    Quantity("waiting", ("vllm:num_requests_waiting", "sglang:num_queue_reqs")),
    Quantity("running", ("vllm:num_requests_running", "sglang:num_running_reqs")),
    Quantity(
        "kv_use",
        # Before 0.10 (and its V0 engine), vLLM had the second name for the same share.
        ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage"),
        Across.MAXIMUM,
    ),
    Quantity(
        "preemptions",
        ("vllm:num_preemptions_total", "sglang:num_retracted_requests_total"),
        counts=True,
    ),
    Quantity(
        "prefix_hits",
        (
            *("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"),
            "sglang:cached_tokens_total",
        ),
        counts=True,
    ),
    Quantity(
        "prefix_queries",
        (
            *("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"),
            "sglang:prompt_tokens_total",
        ),
        counts=True,
    ),
)
SILENT_AT_ZERO = "sglang:"
"""Whose counters are not in the text before they have counted something."""
_NAMES = frozenset(name for quantity in QUANTITIES for name in quantity.metrics)


@dataclass(frozen=True, slots=True)
class ServerNumbers:
    """What a server says at one time.

    Args:
        values: by quantity; NaN where it says nothing of it.
        engines: how many it speaks for.
    """

    values: Mapping[str, float]
    engines: int


def numbers(text: str, model: str) -> ServerNumbers | None:
    """What a server says; None: nothing that is known here.

    Args:
        text: its metrics.
        model: where several models' numbers stand beside each other, that one's are taken.

    Raises:
        ExpositionError: the text is not of the format.
    """
    read = [sample for sample in samples(text, _NAMES) if not sample.labels.get(PRIORITY)]
    if any(sample.labels.get(MODEL) == model for sample in read):
        read = [sample for sample in read if sample.labels.get(MODEL) == model]
    if not read:
        return None
    read = [sample for sample in read if math.isfinite(sample.value)]
    values: dict[str, float] = {}
    engines = 1
    silent_at_zero = any(sample.name.startswith(SILENT_AT_ZERO) for sample in read)
    for quantity in QUANTITIES:
        name = next((n for n in quantity.metrics if any(s.name == n for s in read)), None)
        by_engine = _by_engine(sample for sample in read if sample.name == name)
        bring: Callable[[Iterable[float]], float] = sum
        if quantity.across is Across.MAXIMUM:
            bring = max
        unsaid = 0.0 if quantity.counts and silent_at_zero else math.nan
        values[quantity.name] = bring(by_engine) if by_engine else unsaid
        if quantity.name == "running":
            engines = max(1, len(by_engine))
    return ServerNumbers(values, engines)


def _by_engine(of_metric: Iterable[Sample]) -> list[float]:
    """A number for each engine: ranks of one engine say the same."""
    engines: dict[frozenset[tuple[str, str]], float] = {}
    for sample in of_metric:
        engine = frozenset(item for item in sample.labels.items() if item[0] not in RANKS)
        engines[engine] = max(engines.get(engine, -math.inf), sample.value)
    return list(engines.values())


def address_of(metrics_url: str) -> tuple[Address, str]:
    """Where metrics are read that have an address of their own, and the path to ask for.

    Raises:
        ValueError: it is no URL, or one of a model's interface.
    """
    address = parse_url(metrics_url)
    if address.api is not None:
        raise ValueError(
            f"metrics url {public_url(metrics_url)!r} is a route of the model's interface: give "
            f"one like http://localhost:8000{ROUTE}, or {NONE}"
        )
    return address, (address.root or ROUTE) + (f"?{address.query}" if address.query else "")
