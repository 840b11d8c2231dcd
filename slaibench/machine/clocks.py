"""A GPU's clocks while something runs: how fast, at what power, and what held them down."""

from __future__ import annotations

import csv
import statistics
import subprocess
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from slaibench.machine import nvidia

REASONS_FIELD = "clocks_event_reasons.active"
FIELDS = (
    "timestamp",
    "clocks.sm",
    "clocks.mem",
    "power.draw",
    "temperature.gpu",
    "utilization.gpu",
    REASONS_FIELD,
    "uuid",
)
EVERY_MS = 500
REASONS = {
    0x1: "idle",
    0x2: "clocks as set by the user",
    0x4: "power limit",
    0x8: "hardware slowdown",
    0x10: "synchronous boost",
    0x20: "temperature (driver)",
    0x40: "temperature (hardware)",
    0x80: "power brake",
    0x100: "display clocks",
}
"""Bits of the clocks' event reasons (NVML's ``nvmlClocksEventReasons``)."""
IDLE_REASON = 0x1
SLOWING = 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80
"""Those that change clocks while something runs; what the user has set stays as it is."""


def slowing(reasons: int) -> tuple[str, ...]:
    """What holds clocks down, in words; nothing where they are as they should be."""
    return tuple(text for bit, text in REASONS.items() if reasons & bit & SLOWING)


class Clocks:
    """Writes a line a GPU every half second until it is left; nothing without ``nvidia-smi``.

    Args:
        path: the CSV file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [
            nvidia.TOOL,
            f"--query-gpu={','.join(FIELDS)}",
            "--format=csv,noheader,nounits",
            f"--loop-ms={EVERY_MS}",
        ]
        with suppress(OSError), self._path.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def between(self, begin: datetime, end: datetime, gpus: Collection[str] = ()) -> dict[str, Any]:
        """Medians and extremes of a stretch of local time; empty without a reading in it.

        Args:
            gpus: UUIDs of those that count; none: all.
        """
        rows = [
            row
            for when, row in self._rows()
            if begin <= when <= end and (not gpus or row[-1] in gpus)
        ]
        if not rows:
            return {}
        columns = list(zip(*(row[:5] for row in rows), strict=True))
        sm, memory, power, heat, busy = ([float(each) for each in column] for column in columns)
        reasons = {int(row[5], 16) & ~IDLE_REASON for row in rows}
        return {
            "readings": len(rows),
            "sm_mhz": {"median": statistics.median(sm), "min": min(sm), "max": max(sm)},
            "memory_mhz": statistics.median(memory),
            "power_w": {"median": statistics.median(power), "max": max(power)},
            "temperature_c": {"median": statistics.median(heat), "max": max(heat)},
            "utilization": statistics.median(busy) / 100,
            "event_reasons": sorted(hex(each) for each in reasons if each),
        }

    def _rows(self) -> list[tuple[datetime, list[str]]]:
        found = []
        with suppress(OSError), self._path.open(encoding="utf-8") as file:
            for row in csv.reader(file, skipinitialspace=True):
                with suppress(ValueError, IndexError):  # a line that is being written
                    when = datetime.strptime(row[0], "%Y/%m/%d %H:%M:%S.%f").astimezone()
                    int(row[6], 16)
                    found.append((when, row[1:]))
        return found


def reasons_of(found: dict[str, Any]) -> int:
    """All event reasons of a stretch (``Clocks.between``), as one mask."""
    mask = 0
    for text in found.get("event_reasons", ()):
        mask |= int(text, 16)
    return mask
