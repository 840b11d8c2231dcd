"""A request's service class: what its client says of it besides the prompt."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

LONGEST_NAME = 100
"""Characters of a tier's or a tenant's name."""
LARGEST = 10**9
"""Of a whole number, either way."""


class ServiceClassError(ValueError):
    """What a request says of its service class cannot be meant; the message names the field."""


class ServiceClass(NamedTuple):
    """What a scheduler may know of a request besides its size and its past.

    Args:
        tier: name of the group that targets are set for.
        tbt_slo_s: objective of the time between tokens, seconds.
        ttft_slo_s: objective of the time to the first token, seconds; infinite: it has none.
        priority: of two requests the larger one matters more.
        tenant: on whose behalf it is; empty: not said.
        max_output_tokens: most tokens that its client lets it generate; None: not said.
    """

    tier: str = "free"
    tbt_slo_s: float = 0.5
    ttft_slo_s: float = math.inf
    priority: int = 0
    tenant: str = ""
    max_output_tokens: int | None = None

    @classmethod
    def of(cls, request: Any) -> ServiceClass:
        """That of an object with these attributes."""
        return cls(*[getattr(request, name) for name in cls._fields])

    def said(self) -> dict[str, Any]:
        """As a request says it to an engine: tier and TBT SLO, and what else is not the default."""
        always = ("tier", "tbt_slo_s")
        defaults = self._field_defaults
        return {
            name: value
            for name, value in self._asdict().items()
            if name in always or value != defaults[name]
        }


class Served:
    """Base of what engines keep of a request: its service class as attributes."""

    __slots__ = ServiceClass._fields
    tier: str
    tbt_slo_s: float
    ttft_slo_s: float
    priority: int
    tenant: str
    max_output_tokens: int | None
    arrival_s: float

    def set_class(self, served: ServiceClass) -> None:
        """Have this class from now on."""
        for name, value in zip(served._fields, served, strict=True):
            setattr(self, name, value)

    @property
    def ttft_due_s(self) -> float:
        """When its first token is due, seconds on the engine's clock; infinite: whenever."""
        return self.arrival_s + self.ttft_slo_s


def checked_service_class(said: Any) -> ServiceClass:
    """The service class in a request's extra arguments; what is null is not said.

    Args:
        said: whatever a client put there.

    Raises:
        ServiceClassError: it is no object, or a field of it is of another type or out of range.
    """
    if said is not None and not isinstance(said, Mapping):
        raise ServiceClassError(
            'what a request says besides must be an object such as {"tier": "paying", '
            f'"tbt_slo_s": 0.1}}, not {_words(said)}'
        )
    return ServiceClass(**{name: read(name, value) for name, value, read in _given(said or {})})


def service_class(said: Any) -> ServiceClass:
    """The same where a request cannot be refused any more: what cannot be meant is not said."""
    values = {}
    for name, value, read in _given(said if isinstance(said, Mapping) else {}):
        with suppress(ServiceClassError):
            values[name] = read(name, value)
    return ServiceClass(**values)


def _given(said: Mapping[str, Any]) -> list[tuple[str, Any, Callable[[str, Any], Any]]]:
    """Of the fields that are said: name, value, and what reads it."""
    fields = [(name, said.get(name), read) for name, read in _READ.items()]
    return [field for field in fields if field[1] is not None]


def _name(field: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise ServiceClassError(
            f"{field} must be a name of up to {LONGEST_NAME} characters, not {_words(value)}"
        )
    return value


def _seconds(field: str, value: Any) -> float:
    seconds = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            seconds = float(value)
    if not 0 < seconds < math.inf:
        raise ServiceClassError(f"{field} must be a number of seconds above 0, not {_words(value)}")
    return seconds


def _whole(field: str, value: Any) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not -LARGEST <= value <= LARGEST:
        raise ServiceClassError(
            f"{field} must be a whole number of at most {LARGEST:,}, not {_words(value)}"
        )
    return int(value)


def _count(field: str, value: Any) -> int:
    if _whole(field, value) < 1:
        raise ServiceClassError(f"{field} must be at least 1, not {_words(value)}")
    return int(value)


_READ: dict[str, Callable[[str, Any], Any]] = {
    "tier": _name,
    "tbt_slo_s": _seconds,
    "ttft_slo_s": _seconds,
    "priority": _whole,
    "tenant": _name,
    "max_output_tokens": _count,
}


def _words(value: Any) -> str:
    """A value of anybody's in an error: short, and never an error itself."""
    if isinstance(value, str):
        return ascii(value[:40])
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 10**18):
        return repr(value)
    return f"a value of type {type(value).__name__}"
