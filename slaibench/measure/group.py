"""Whose requests a number is of, as it stands behind an ``@``: a tier's name, ``tenant=acme``."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from slaibench.recording.record import BoolArray, RequestTable

Group = str | None
"""A tier's name (no tier has a ``=`` in it), ``tenant=`` and a tenant's; None: all requests."""
TENANT = "tenant="
TIER = "tier="
"""May stand before a tier's name in an SLO expression."""
MOST_TENANTS = 8
"""A run with more tenants has numbers of those alone that a target names: a column each would be
read by nobody."""


def of_tenant(name: str) -> str:
    """The group of a tenant's requests."""
    return f"{TENANT}{name}"


def tenant_of(group: Group) -> str | None:
    """The tenant whose requests these are; None: they are a tier's, or all."""
    return group.removeprefix(TENANT) if group is not None and group.startswith(TENANT) else None


def in_words(group: Group) -> str:
    """``tier paying``, ``tenant acme``; empty for all."""
    tenant = tenant_of(group)
    if tenant is not None:
        return f"tenant {tenant}"
    return "" if group is None else f"tier {group}"


def members(requests: RequestTable, group: Group) -> BoolArray:
    """Which requests are of a group."""
    if group is None:
        return np.ones(len(requests), dtype=bool)
    tenant = tenant_of(group)
    return np.asarray(requests.tier == group if tenant is None else requests.tenant == tenant)


def tenants_of(tenants: npt.NDArray[np.str_], named: Collection[str] = ()) -> list[str]:
    """Tenants that a run has numbers of, by name.

    Args:
        tenants: of its requests; those that say none have an empty one.
        named: those that targets name, which it has in any case if they have a request.
    """
    names = [str(name) for name in np.unique(tenants) if name]
    return names if len(names) <= MOST_TENANTS else [name for name in names if name in named]
