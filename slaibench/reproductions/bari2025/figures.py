"""The paper's figures that have a plot: what each shows, and which runs it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

VLLM = "prefill-first"
SARATHI = "sarathi"
SARATHI_SPF = "sarathi:order=spf"
SLAI_FCFS = "slai:order=fcfs,offset=fixed:10"
SLAI_FIXED = "slai:offset=fixed:10"
SLAI = "slai"
SLAI_FIXED_5 = "slai:offset=fixed:5"
SLAI_PRIORITY = "slai:order=spf-priority"

LABELS = {
    VLLM: "vLLM (prefill first)",
    SARATHI: "Sarathi-Serve (FCFS)",
    SARATHI_SPF: "Sarathi-Serve (SPF)",
    SLAI_FCFS: "SLAI (FCFS, fixed 10)",
    SLAI_FIXED: "SLAI (SPF, fixed 10)",
    SLAI: "SLAI (SPF, dynamic)",
    SLAI_FIXED_5: "SLAI (SPF, fixed 5)",
    SLAI_PRIORITY: "SLAI (SPF, paying first)",
}
"""What the paper calls our schedulers."""
AGAINST_LOAD = (VLLM, SARATHI, SARATHI_SPF, SLAI_FCFS, SLAI_FIXED, SLAI)
"""The schedulers of figures 7, 11 and 12; 9 is of the same."""
HIGH_RPS = 1.6
"""The rate of figures 8, 9b, 9c and 10, and what we take for the text's "high load"."""
INFERRED = (
    f'the paper says "high load" and names no rate; that it is {HIGH_RPS:g} requests/s is our '
    "inference, and the profile is fitted to Sarathi-Serve there"
)
"""To be said wherever a number of the paper at high load is used."""


class Kind(StrEnum):
    """What a figure shows; one drawing routine each."""

    BUDGETS = "budgets"
    BLOCKS = "blocks"
    BATCHES = "batches"
    TBT_PAYING = "tbt-paying"
    TBT_FREE = "tbt-free"
    TTFT = "ttft"
    TTFT_LOG = "ttft-log"
    MEMORY = "memory"
    SERVED = "served"
    MEAN_TTFT = "mean-ttft"
    BY_TIER = "by-tier"


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
        rates: at which; None: all of the study's.
        capacities: whether its claims need the capacity of Sarathi-Serve and SLAI searched.
    """

    name: str
    kind: Kind
    title: str
    mix: Mix | None = None
    schedulers: tuple[str, ...] = ()
    rates: tuple[float, ...] | None = None
    capacities: bool = False


_HIGH = (HIGH_RPS,)
_AT_HIGH = f"at {HIGH_RPS:g} requests/s"


def _against_load(number: int, mix: Mix) -> tuple[Figure, ...]:
    """Panels a, b and c of a mix."""
    share = f"{mix.value} % paying"
    return (
        Figure(
            f"{number}a",
            Kind.TBT_PAYING,
            f"P99 TBT of paying requests, {share}",
            mix,
            AGAINST_LOAD,
        ),
        Figure(
            f"{number}b", Kind.TBT_FREE, f"P99 TBT of free requests, {share}", mix, AGAINST_LOAD
        ),
        Figure(
            f"{number}c",
            Kind.TTFT,
            f"Median TTFT, {share}",
            mix,
            AGAINST_LOAD,
            capacities=True,
        ),
    )


FIGURES = {
    figure.name: figure
    for figure in (
        Figure("6a", Kind.BUDGETS, "TTFT and batch time by token budget"),
        Figure("6b", Kind.BLOCKS, "KV blocks by number of requests"),
        Figure("6c", Kind.BATCHES, "Time of a 512-token batch by its decodes"),
        *_against_load(7, Mix.FEW),
        Figure(
            "8",
            Kind.MEMORY,
            f"KV memory over time {_AT_HIGH}",
            Mix.FEW,
            (SLAI_FIXED_5, SLAI_FIXED, SLAI),
            _HIGH,
        ),
        Figure("9a", Kind.TTFT_LOG, "Median TTFT against rate, log axis", Mix.FEW, AGAINST_LOAD),
        Figure(
            "9b",
            Kind.SERVED,
            f"Requests served by prompt length {_AT_HIGH}",
            Mix.FEW,
            AGAINST_LOAD,
            _HIGH,
        ),
        Figure(
            "9c",
            Kind.MEAN_TTFT,
            f"Mean TTFT by prompt length {_AT_HIGH}",
            Mix.FEW,
            AGAINST_LOAD,
            _HIGH,
        ),
        Figure(
            "10",
            Kind.BY_TIER,
            f"Paying requests first: mean TTFT of paying against free {_AT_HIGH}",
            Mix.FEW,
            (SLAI_PRIORITY,),
            _HIGH,
        ),
        *_against_load(11, Mix.HALF),
        *_against_load(12, Mix.MOST),
    )
}


def select(names: Sequence[str]) -> tuple[str, ...]:
    """Figures by name or number (``7``: 7a, 7b and 7c), each once, in the paper's order.

    Raises:
        ValueError: there is no such figure, with those there are.
    """
    selected: set[str] = set()
    for name in names:
        text = name.strip().lower()
        parts = {figure for figure in FIGURES if text in (figure, _number(figure))}
        if not parts:
            raise ValueError(
                f"no figure {name!r} with a plot: there are {', '.join(FIGURES)}, and a number for "
                "all its parts (7)"
            )
        selected |= parts
    return tuple(figure for figure in FIGURES if figure in selected)


def _number(name: str) -> str:
    digits = re.match(r"\d+", name)
    assert digits is not None
    return digits.group()
