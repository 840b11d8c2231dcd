"""Service classes: which share of requests pays for which times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.options import LEAST_NUMBER, MOST_NUMBER

LONGEST_NAME = 64
SHARE_TOLERANCE = 1e-6
"""How far from 1 the shares may add up: decimal fractions such as thirds are written rounded."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A service class.

    Args:
        name: unique among a run's tiers; letters, digits, ``-``, ``_`` or ``.``, since SLO
            expressions name it.
        share: probability that a request belongs to it, above 0 and at most 1.
        tbt_slo_s: time-between-tokens objective, seconds, above 0.
        ttft_slo_s: time-to-first-token objective, seconds, above 0; infinite: none.

    Raises:
        WorkloadError: a value is out of range.
    """

    name: str
    share: float
    tbt_slo_s: float
    ttft_slo_s: float = math.inf

    def __post_init__(self) -> None:
        if not self.name or not all(map(_in_name, self.name)):
            raise WorkloadError(
                f"a tier's name is letters, digits, '-', '_' or '.', not {self.name!r}"
            )
        if len(self.name) > LONGEST_NAME:
            raise WorkloadError(
                f"a tier's name has {len(self.name)} characters; at most {LONGEST_NAME}"
            )
        if not 0 < self.share <= 1:
            raise WorkloadError(
                f"tier {self.name}: share must be above 0 and at most 1, not {self.share}"
            )
        self._check("TBT", self.tbt_slo_s)
        if self.ttft_slo_s != math.inf:
            self._check("TTFT", self.ttft_slo_s)

    def _check(self, what: str, slo_s: float) -> None:
        if not LEAST_NUMBER <= slo_s <= MOST_NUMBER:
            raise WorkloadError(
                f"tier {self.name}: the {what} SLO must be above 0 s (and between "
                f"{LEAST_NUMBER:g} and {MOST_NUMBER:g}), not {slo_s}"
            )

    def __str__(self) -> str:
        """The text that `parse_tiers` reads back."""
        ttft = "" if self.ttft_slo_s == math.inf else f":{self.ttft_slo_s}"
        return f"{self.name}:{self.share}:{self.tbt_slo_s}{ttft}"


def _in_name(character: str) -> bool:
    return character.isalnum() or character in "-_."


def is_tier_name(text: str) -> bool:
    """Whether a tier may have this name."""
    return 0 < len(text) <= LONGEST_NAME and all(map(_in_name, text))


DEFAULT_TIERS = (Tier("paying", 0.05, 0.1), Tier("free", 0.95, 0.5))
"""The main setting of Bari, Hegde, de Veciana (arXiv 2508.01002)."""


def parse_tiers(text: str) -> tuple[Tier, ...]:
    """Read ``name:share:tbt_slo_s[:ttft_slo_s],...``, as in ``paying:0.05:0.1,free:0.95:0.5``.

    Raises:
        WorkloadError: a part is malformed or out of range, a name comes twice, or the shares do
            not add up to 1.
    """
    tiers = []
    for part in text.split(","):
        pieces = [piece.strip() for piece in part.split(":")]
        if len(pieces) not in (3, 4):
            raise WorkloadError(
                "a tier is written name:share:tbt_slo_s or name:share:tbt_slo_s:ttft_slo_s, as in "
                f"paying:0.05:0.1, not {part!r}"
            )
        name = pieces[0]
        tiers.append(Tier(name, *(_number(name, piece) for piece in pieces[1:])))
    check_tiers(tiers)
    return tuple(tiers)


def check_tiers(tiers: Sequence[Tier]) -> None:
    """Refuse tiers that do not divide all requests among them.

    Raises:
        WorkloadError: none, a name comes twice, or the shares do not add up to 1.
    """
    if not tiers:
        raise WorkloadError("at least one tier is needed, as in all:1:0.5")
    names = [tier.name for tier in tiers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise WorkloadError(f"tier {twice[0]!r} is given more than once in {', '.join(names)}")
    total = sum(tier.share for tier in tiers)
    if abs(total - 1) > SHARE_TOLERANCE:
        shares = ", ".join(f"{tier.name} {tier.share:g}" for tier in tiers)
        raise WorkloadError(f"the tiers' shares must add up to 1, not {total:g} ({shares})")


def assign(
    tiers: Sequence[Tier], num_requests: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Index into ``tiers`` of each request, independently with the tiers' shares.

    One uniform number a request is compared with the cumulated shares. So the first tier's
    requests stay in it when its share grows and the generator's state is the same.

    Raises:
        WorkloadError: see `check_tiers`.
    """
    check_tiers(tiers)
    bounds = np.cumsum([tier.share for tier in tiers])[:-1]
    return np.searchsorted(bounds, rng.random(num_requests), side="right").astype(np.int64)


def _number(tier: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise WorkloadError(f"tier {tier}: {text!r} is not a number") from None
