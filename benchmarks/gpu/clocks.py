"""What ``nvidia-smi`` says of a GPU while something runs: clocks, power, temperature, limits."""

from __future__ import annotations

import csv
import statistics
import subprocess
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

FIELDS = (
    "timestamp",
    "clocks.sm",
    "clocks.mem",
    "power.draw",
    "temperature.gpu",
    "utilization.gpu",
    "clocks_event_reasons.active",
)
EVERY_MS = 500
IDLE_REASON = 0x1
"""Bit of the reasons that only says that nothing runs."""


class Clocks:
    """Writes a line every half second until it is left; nothing where there is no ``nvidia-smi``.

    Args:
        path: the CSV file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [
            "nvidia-smi",
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

    def between(self, begin: datetime, end: datetime) -> dict[str, Any]:
        """Medians and extremes of a stretch of local time; empty without a reading in it."""
        rows = [row for when, row in self._rows() if begin <= when <= end]
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
