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

FIELDS = (
    "timestamp",
    "clocks.sm",
    "clocks.mem",
    "power.draw",
    "temperature.gpu",
    "utilization.gpu",
    nvidia.REASONS_FIELD,
    "uuid",
)
EVERY_MS = 500


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
        sm, memory, power, heat, busy = ([float(text) for text in column] for column in columns)
        reasons = {int(row[5], 16) & ~nvidia.IDLE_REASON for row in rows}
        return {
            "readings": len(rows),
            "sm_mhz": {"median": statistics.median(sm), "min": min(sm), "max": max(sm)},
            "memory_mhz": statistics.median(memory),
            "power_w": {"median": statistics.median(power), "max": max(power)},
            "temperature_c": {"median": statistics.median(heat), "max": max(heat)},
            "utilization": statistics.median(busy) / 100,
            "event_reasons": sorted(map(hex, reasons - {0})),
        }

    def _rows(self) -> list[tuple[datetime, list[str]]]:
        rows = []
        with suppress(OSError), self._path.open(encoding="utf-8") as file:
            for row in csv.reader(file, skipinitialspace=True):
                with suppress(ValueError, IndexError):  # a line that is being written
                    when = datetime.strptime(row[0], "%Y/%m/%d %H:%M:%S.%f").astimezone()
                    int(row[6], 16)
                    rows.append((when, row[1:]))
        return rows


def reasons_of(stretch: dict[str, Any]) -> int:
    """All event reasons of a stretch (``Clocks.between``), as one mask."""
    mask = 0
    for text in stretch.get("event_reasons", ()):
        mask |= int(text, 16)
    return mask
