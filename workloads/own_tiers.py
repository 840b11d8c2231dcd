"""Tiers that a workload's own table names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.lengths import LengthSource, RecordedSource
from slaibench.workloads.terms import Terms
from slaibench.workloads.tiers import Tier

MOST_SHOWN = 8


def own_tiers(
    source: LengthSource, given: Sequence[Tier] | None, default: Sequence[Tier]
) -> tuple[Tier, ...]:
    """The tiers of a run: those that the source's table names, with their shares in it; of any
    other source those that are given.

    A table that has TBT SLOs says all of its tiers. Of one that has only names, the objectives are
    those of the given tiers (else of the default ones) of these names.

    Args:
        given: by the user; None: nothing is given.
        default: instead.

    Raises:
        WorkloadError: other tiers are given than the table says, or it names one whose objectives
            nobody says.
    """
    terms = source.recorded.terms if isinstance(source, RecordedSource) else None
    names = None if terms is None else terms.get("tier")
    if terms is None or names is None:
        return tuple(default if given is None else given)
    found, counts = np.unique(names, return_counts=True)
    shares = {str(name): float(n / len(names)) for name, n in zip(found, counts, strict=True)}
    if terms.get("tbt_slo_s") is None:
        known = {tier.name: tier for tier in (default if given is None else given)}
        missing = [name for name in shares if name not in known]
        if missing:
            rest = f", and {len(missing) - MOST_SHOWN} more" if len(missing) > MOST_SHOWN else ""
            raise WorkloadError(
                f"{source.name} names tiers whose TBT SLOs are not said: "
                f"{', '.join(missing[:MOST_SHOWN])}{rest}; say them of all, as in --tiers "
                f"'{_example(list(shares))}' (the shares are the table's), or in a column tbt_slo_s"
            )
        return tuple(
            Tier(name, shares[name], tier.tbt_slo_s, tier.ttft_slo_s)
            for name, tier in known.items()
            if name in shares
        )
    own = tuple(_own(name, share, terms) for name, share in shares.items())
    if given is not None and set(map(str, given)) != set(map(str, own)):
        shown = ", ".join(f"{tier.name} {tier.tbt_slo_s:g} s" for tier in own[:MOST_SHOWN])
        raise WorkloadError(
            f"{source.name} says the tiers and the TBT SLOs of its requests ({shown}): leave "
            "--tiers out, or the column with the SLOs"
        )
    return own


def objectives(
    source: str, said: Mapping[str, Sequence[Any]], drawn: Sequence[Tier], tiers: Sequence[Tier]
) -> dict[str, list[Any]]:
    """Tiers and objectives of requests, as far as their table does not say them.

    Args:
        source: name of the table, for messages.
        said: what it says, by fields of a request.
        drawn: a tier for each, where the table names none.
        tiers: by whose names its own are looked up.

    Raises:
        WorkloadError: it names a tier that is not among them, and no TBT SLO.
    """
    names = said.get("tier")
    if names is None:
        of_each: Sequence[Tier | None] = drawn
    else:
        by_name = {tier.name: tier for tier in tiers}
        of_each = [by_name.get(name) for name in names]
        if "tbt_slo_s" not in said and None in of_each:
            raise WorkloadError(
                f"{source} names tier {names[of_each.index(None)]}, which is none of "
                f"{', '.join(by_name)}: its TBT SLO is not said"
            )
    return {
        "tier": [tier.name if tier else "" for tier in of_each],
        "tbt_slo_s": [tier.tbt_slo_s if tier else math.nan for tier in of_each],
        "ttft_slo_s": [tier.ttft_slo_s if tier else math.inf for tier in of_each],
    }


def _own(name: str, share: float, terms: Terms) -> Tier:
    rows = terms.columns["tier"] == name
    ttft_slos_s = terms.get("ttft_slo_s")
    of_tier = np.array([math.inf]) if ttft_slos_s is None else np.unique(ttft_slos_s[rows])
    # Requests keep their own; a tier has one where all of its requests agree.
    ttft_slo_s = float(of_tier[0]) if len(of_tier) == 1 else math.inf
    return Tier(name, share, float(terms.columns["tbt_slo_s"][rows][0]), ttft_slo_s)


def _example(names: Sequence[str]) -> str:
    share = f"{1 / len(names):.6g}"
    return ",".join(f"{name}:{share}:0.1" for name in names[:MOST_SHOWN])
