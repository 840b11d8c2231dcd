"""The paper's figures that have a plot: what each shows, and which runs it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

VLLM = "prefill-first"
SARATHI = "sarathi"
SARATHI_SPF = "sarathi:order=spf"
SLAI_FIXED = "slai:offset=fixed:10"
SLAI = "slai"
SLAI_FIXED_5 = "slai:offset=fixed:5"
SLAI_PRIORITY = "slai:order=spf-priority"

LABELS = {
    VLLM: "vLLM (prefill first)",
    SARATHI: "Sarathi-Serve (FCFS)",
    SARATHI_SPF: "Sarathi-Serve (SPF)",
    SLAI_FIXED: "SLAI (SPF, fixed 10)",
    SLAI: "SLAI (SPF, dynamic)",
    SLAI_FIXED_5: "SLAI (SPF, fixed 5)",
    SLAI_PRIORITY: "SLAI (SPF, paying first)",
}
"""What the paper calls our schedulers."""
HIGH_RPS = 1.6
"""The paper's high load."""


class Kind(StrEnum):
    """What a figure shows; one drawing routine each."""

    BUDGETS = "budgets"
    BLOCKS = "blocks"
    BATCHES = "batches"
    TTFT = "ttft"
    TBT_PAYING = "tbt-paying"
    TBT_FREE = "tbt-free"
    MEMORY = "memory"
    DISTRIBUTION = "distribution"
    SERVED = "served"
    MEAN_TTFT = "mean-ttft"
    PRIORITY = "priority"
    MIX = "mix"


class Mix(StrEnum):
    """Shares of paying requests, in per cent."""

    FEW = "5"
    HALF = "50"
    MOST = "95"

    @property
    def share(self) -> float:
        """Of requests that are paying."""
        return int(self) / 100

    def tiers(self, tbt_slo_s: Mapping[str, float]) -> str:
        """The mix as a study takes it."""
        shares = {"paying": self.share, "free": round(1 - self.share, 2)}
        return ",".join(f"{name}:{shares[name]:g}:{slo:g}" for name, slo in tbt_slo_s.items())


@dataclass(frozen=True, slots=True)
class Figure:
    """One plot of the paper.

    Args:
        name: as on the command line: ``7a``.
        mix: of its runs; None: it is of single batches.
        schedulers: that it compares.
        rates: at which; None: all that are asked for.
        capacities: whether its claims need the capacity of Sarathi-Serve and SLAI searched.
    """

    name: str
    kind: Kind
    title: str
    mix: Mix | None = None
    schedulers: tuple[str, ...] = ()
    rates: tuple[float, ...] | None = None
    capacities: bool = False


_FIVE = (VLLM, SARATHI, SARATHI_SPF, SLAI_FIXED, SLAI)
_FOUR = (SARATHI, SARATHI_SPF, SLAI_FIXED, SLAI)
_HIGH = (HIGH_RPS,)

FIGURES = {
    figure.name: figure
    for figure in (
        Figure("6a", Kind.BUDGETS, "TTFT and batch time by token budget"),
        Figure("6b", Kind.BLOCKS, "KV blocks by number of requests"),
        Figure("6c", Kind.BATCHES, "Time of a 512-token batch by its decodes"),
        Figure("7a", Kind.TTFT, "Median TTFT, 5 % paying", Mix.FEW, _FIVE, capacities=True),
        Figure("7b", Kind.TBT_PAYING, "P99 TBT of paying requests, 5 % paying", Mix.FEW, _FIVE),
        Figure("7c", Kind.TBT_FREE, "P99 TBT of free requests, 5 % paying", Mix.FEW, _FIVE),
        Figure(
            "8",
            Kind.MEMORY,
            "Memory over time at 1.6 requests/s",
            Mix.FEW,
            (SLAI_FIXED_5, SLAI_FIXED, SLAI),
            _HIGH,
        ),
        Figure(
            "9a", Kind.DISTRIBUTION, "Distribution of TTFT at 1.6 requests/s", Mix.FEW, _FOUR, _HIGH
        ),
        Figure(
            "9b",
            Kind.SERVED,
            "Requests served by prompt length at 1.6 requests/s",
            Mix.FEW,
            _FOUR,
            _HIGH,
        ),
        Figure(
            "9c",
            Kind.MEAN_TTFT,
            "Mean TTFT by prompt length at 1.6 requests/s",
            Mix.FEW,
            _FOUR,
            _HIGH,
        ),
        Figure(
            "10",
            Kind.PRIORITY,
            "Paying requests first: median TTFT by tier",
            Mix.FEW,
            (SLAI, SLAI_PRIORITY),
        ),
        Figure("11", Kind.MIX, "50 % paying", Mix.HALF, _FOUR, capacities=True),
        Figure("12", Kind.MIX, "95 % paying", Mix.MOST, _FOUR, capacities=True),
    )
}


def select(names: Sequence[str]) -> tuple[str, ...]:
    """Figures by name or number (``7``: 7a, 7b and 7c), each once, in the paper's order.

    Raises:
        ValueError: there is no such figure, with those there are.
    """
    found: set[str] = set()
    for name in names:
        text = name.strip().lower()
        parts = {each for each in FIGURES if text in (each, _number(each))}
        if not parts:
            raise ValueError(
                f"no figure {name!r} with a plot: there are {', '.join(FIGURES)}, and a number for "
                "all its parts (7)"
            )
        found |= parts
    return tuple(each for each in FIGURES if each in found)


def _number(name: str) -> str:
    digits = re.match(r"\d+", name)
    assert digits is not None
    return digits.group()
