"""A profile of a device that takes longer for everything, or less long."""

from __future__ import annotations

from typing import Any


def scaled(values: dict[str, Any], factor: float) -> dict[str, Any]:
    """The content of a profile's file with every time multiplied, and every speed divided."""
    found: dict[str, Any] = _scaled(values, factor, "")
    return found


def _scaled(value: Any, factor: float, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _scaled(each, factor, key) for key, each in value.items()}
    if name in ("ms", "us"):
        return [each * factor for each in value]
    if name.endswith(("_ms", "_us")):
        return value * factor
    if name.endswith(("_gbps", "_tflops")):
        return value / factor
    return value
