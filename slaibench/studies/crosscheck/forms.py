"""A crosscheck as JSON: what ``to_json`` gives and the page reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from slaibench.spec import SpecForm


class DifferenceForm(TypedDict):
    """``Difference``: ``change`` is other / reference - 1, ``ci95`` is of the change."""

    reference: float | None
    other: float | None
    change: float | None
    ci95: list[float] | None
    tolerance: float | None
    within: bool | None


class AgreementForm(TypedDict):
    """``Agreement``: ``n`` requests that both measured; ``quantities`` by metric."""

    seeds: int
    n: int
    verdict: str
    quantities: Mapping[str, DifferenceForm]


class MatchForm(AgreementForm):
    """``Match``."""

    scheduler: str
    rate_rps: float
    other: str


class CrosscheckForm(TypedDict):
    """``CrosscheckResult``: ``specs`` and ``about`` in the order of the backends."""

    between: list[str]
    specs: list[SpecForm]
    about: list[str]
    workload: str
    warnings: list[str]
    ok: bool
    matches: list[MatchForm]
