"""Arrival rates as the command line writes them."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation

MAX_RATES = 1000


def parse_rates(text: str) -> tuple[float, ...]:
    """``start:stop[:step]`` (inclusive, step 1 unless given) or ``0.8,1.2,1.6``, ascending.

    Decimal arithmetic, so that ``0.2:1.6:0.2`` ends at exactly 1.6.

    Raises:
        ValueError: not a number, not positive, an empty range, or more than 1,000 rates.
    """
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


def _decimal(part: str, text: str) -> Decimal:
    try:
        value = Decimal(part.strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value <= 0 or not math.isfinite(float(value)):
        raise ValueError(
            f"rates {text!r}: {part.strip()!r} is not a positive number of requests a second; "
            "write start:stop[:step], as 1:20 or 0.2:1.6:0.2, or a list, as 0.8,1.2"
        )
    return value
