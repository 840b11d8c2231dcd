"""The tables of docs/gpu.md from what a GPU session left, as Markdown.

usage: python -m benchmarks.gpu.tables results/gpu/NAME

Reads ``summary.json`` (``benchmarks.gpu.summary``). First the two schedulers of each pair beside
each other, then how far the simulator with the calibrated profile was off.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.beyond_slai.shown import table

ERRORS = {"ttft_p50_s": "TTFT P50", "tbt_p50_s": "TBT P50", "tbt_p99_s": "TBT P99"}
NOT_RUN = "not run"


def signed(share: float | None) -> str:
    """``+15 %``, ``0 %``."""
    if share is None:
        return "none"
    percent = round(100 * share)
    return f"{percent:+d} %" if percent else "0 %"


def measured(cell: dict[str, Any] | None, metric: str) -> str:
    return NOT_RUN if cell is None else f"{cell['measured'][metric]:#.3g}"


def side_by_side(summary: dict[str, Any]) -> None:
    """Latencies of the first two schedulers by rate, and the paired change of the median TTFT."""
    cells = {(cell["scheduler"], cell["rate_rps"]): cell for cell in summary["cells"]}
    a, b = list(dict.fromkeys(name for name, _ in cells))[:2]
    changes = {
        pair["rate_rps"]: pair for pair in summary["pairs"] if (pair["a"], pair["b"]) == (a, b)
    }
    rows = []
    for rate in sorted({rate for _, rate in cells}):
        both = [cells.get((name, rate)) for name in (a, b)]
        change, interval = "", ""
        if (pair := changes.get(rate)) is not None:
            ends = [end for end in pair["interval"] if end is not None]
            change = signed(pair["ttft_p50_change"])
            interval = " to ".join(map(signed, ends)) or "none"
        rows.append(
            (
                *(f"{rate:g}", *(measured(cell, "ttft_p50_s") for cell in both)),
                *(change, interval, *(measured(cell, "tbt_p99_s") for cell in both)),
            )
        )
    medians, tails = ([f"{name} {what}, s" for name in (a, b)] for what in ("TTFT P50", "TBT P99"))
    table(("rate, req/s", *medians, "change", "95 % interval", *tails), rows)


def off(summary: dict[str, Any]) -> None:
    """How far the simulator with the calibrated profile was off, by cell."""
    rows = [
        (
            f"{cell['scheduler']}, {cell['rate_rps']:g}",
            *(signed(cell["errors"]["calibrated"][metric]) for metric in ERRORS),
        )
        for cell in summary["cells"]
    ]
    table(("cell", *ERRORS.values()), rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(argv).folder
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    side_by_side(summary)
    off(summary)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
