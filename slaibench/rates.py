"""Arrival rates, and numbers of clients, as the command line writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

MAX_RATES = 1000
LEAST_RATE_RPS, MOST_RATE_RPS = 1e-6, 1e6
"""A request in twelve days, and more than any one server is sent."""
MOST_CLIENTS = 100_000
"""More than any one server has at a time."""
Rates = str | float | Iterable[float]
"""``"auto"``, ``"1:20"``, ``"0.8,1.2"``, a number or several."""
AUTO = "auto"
"""No rates yet: the study that runs chooses them."""


def rates_of(rates: Rates) -> tuple[float, ...]:
    """Rates however they are given, in requests a second.

    Raises:
        ValueError: as ``parse_rates``.
    """
    if isinstance(rates, str):
        return parse_rates(rates)
    return (float(rates),) if isinstance(rates, int | float) else tuple(map(float, rates))


def parse_rates(text: str) -> tuple[float, ...]:
    """``start:stop[:step]`` (inclusive, step 1 unless given) or ``0.8,1.2,1.6``, ascending;
    ``auto`` names none.

    Decimal arithmetic, so that ``0.2:1.6:0.2`` ends at exactly 1.6.

    Raises:
        ValueError: not a number, not positive, out of range, an empty range, or more than 1,000
            rates.
    """
    if text.strip() == AUTO:
        return ()
    if ":" in text:
        parts = [_decimal(part, text) for part in text.split(":")]
        if len(parts) not in (2, 3):
            raise ValueError(f"rates {text!r}: write start:stop or start:stop:step")
        start, stop = parts[0], parts[1]
        step = parts[2] if len(parts) == 3 else Decimal(1)
        if stop < start:
            raise ValueError(f"rates {text!r}: the stop {stop} lies below the start {start}")
        count = int((stop - start) / step) + 1
        if count > MAX_RATES:
            raise ValueError(f"rates {text!r} are {count} rates; {MAX_RATES} are the most")
        return tuple(float(start + index * step) for index in range(count))
    values = [_decimal(part, text) for part in text.split(",")]
    return tuple(sorted({float(value) for value in values}))


def concurrency_of(concurrency: int | str | Iterable[int]) -> tuple[int, ...]:
    """Numbers of clients however they are given: ``"8,64"``, a number or several; ascending.

    Raises:
        ValueError: one is no whole number, or out of range.
    """
    if isinstance(concurrency, str):
        values = [_whole(part, concurrency) for part in concurrency.split(",")]
    else:
        values = [concurrency] if isinstance(concurrency, int) else list(concurrency)
    for clients in values:
        check_concurrency(clients)
    return tuple(sorted(set(values)))


def check_concurrency(clients: int) -> None:
    """Refuse a number of clients that cannot be run.

    Raises:
        ValueError: it is out of range.
    """
    if not 1 <= clients <= MOST_CLIENTS:
        raise ValueError(
            f"a concurrency must lie between 1 and {MOST_CLIENTS:,} clients, not {clients:,}"
        )


def _whole(part: str, text: str) -> int:
    try:
        return int(part)
    except ValueError:
        raise ValueError(
            f"concurrency {text!r}: {part.strip()!r} is not a whole number of clients; write a "
            "list, as 8,64,256"
        ) from None


def _decimal(part: str, text: str) -> Decimal:
    try:
        value = Decimal(part.strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value <= 0 or not math.isfinite(float(value)):
        raise ValueError(
            f"rates {text!r}: {part.strip()!r} is not a positive number of requests a second; "
            "write start:stop[:step], as 1:20 or 0.2:1.6:0.2, or a list, as 0.8,1.2, or auto"
        )
    check_rate(float(value))
    return value


def significant_rate(rate_rps: float, digits: int = 4) -> float:
    """A rate to so many significant digits: how a search writes rates that lie close together, so
    that they read and compare well."""
    return float(f"{rate_rps:.{digits}g}")


def round_rate(rate_rps: float, coarse_rps: float) -> float:
    """How rates of a table are written, and the look that chooses them: the nearest multiple of 1,
    2 or 5 times a power of ten that is at most ``coarse_rps``; never less than one of it."""
    power = math.floor(math.log10(coarse_rps))
    step = next(s for s in (5, 2, 1) if s * 10.0**power <= coarse_rps * (1 + 1e-9))
    return float(f"{max(1, round(rate_rps / (step * 10.0**power))) * step * 10.0**power:.6g}")


def check_rate(rate_rps: float) -> None:
    """Refuse a rate that cannot be run.

    Raises:
        ValueError: it is no number, or out of range.
    """
    if not (math.isfinite(rate_rps) and rate_rps > 0):
        raise ValueError(f"a rate must be a positive number, not {rate_rps}")
    if not LEAST_RATE_RPS <= rate_rps <= MOST_RATE_RPS:
        raise ValueError(
            f"a rate must lie between {LEAST_RATE_RPS:g} and {MOST_RATE_RPS:g} requests a second, "
            f"not {rate_rps:g}"
        )
