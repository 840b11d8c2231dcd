"""A regression run with a row of every verdict."""

from __future__ import annotations

from typing import Any

from slaibench.measure.regression import ChangeVerdict
from slaibench.studies.regression.result import SATURATED, RegressResult, Row
from tests.studies.studies import study


def row(verdict: ChangeVerdict, metric: str = "ttft_p50_s", **fields: Any) -> Row:
    plain: dict[str, Any] = {"scheduler": "sarathi", "rate_rps": 5.0, "before": 0.1, "after": 0.12}
    plain |= {"replicates": (8, 8), "paired": True}
    return Row(metric=metric, verdict=verdict, **{**plain, **fields})


WORSE = row(ChangeVerdict.WORSE, change=0.2, low=0.15, high=0.25, p_worse=1e-6, mde=0.1, needed=4)
UNKNOWN = row(
    ChangeVerdict.UNKNOWN,
    "ttft_p99_s",
    change=0.01,
    low=-0.2,
    high=0.2,
    p_worse=0.4,
    mde=0.3,
    needed=90,
)
REASON = row(ChangeVerdict.UNKNOWN, "tbt_p99_s@free", reason="n too small: 3 <of> 1,000 | samples")
SAME = row(ChangeVerdict.SAME, "tpot_mean_s", change=0.0, low=-0.01, high=0.01)
LOST = row(
    ChangeVerdict.WORSE, SATURATED, before=0.0, after=1.0, scheduler="mine.py:Odd & <Name>\x07"
)


def result(*rows: Row, **fields: Any) -> RegressResult:
    plain: dict[str, Any] = {
        "name": "small",
        "spec": study(),
        "about": "simulated",
        "against": "the stored baseline",
        "margin": 0.05,
        "num_cells": 8,
        "num_identical": 0,
        "invalid": (),
        "notes": ("version of numpy was 2.1, is 2.2",),
    }
    return RegressResult(rows=rows, **{**plain, **fields})


ALL = result(WORSE, UNKNOWN, REASON, SAME, LOST)
