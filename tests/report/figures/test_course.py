"""Steps over time: means weighted by what they are means of."""

from __future__ import annotations

import numpy as np
import pytest

from slaibench.recording.record import StepTable
from slaibench.report.figures.course import NUM_BINS, course


def steps(*rows: tuple[float, float, int, int, int, int]) -> StepTable:
    """Steps from (start, end, prefill tokens, decodes, critical decodes, KV blocks)."""
    start, end, *counts = np.array(rows, dtype=np.float64).T
    prefill, decodes, critical, kv = (column.astype(np.int64) for column in counts)
    none = np.zeros(len(rows), dtype=np.int64)
    return StepTable(
        start_s=start,
        end_s=end,
        prefill_tokens=prefill,
        decodes=decodes,
        critical_decodes=critical,
        waiting=none,
        active=none,
        kv_blocks_used=kv,
        preemptions=none,
    )


def test_kv_is_a_mean_over_time_and_a_batch_one_over_batches() -> None:
    # One bin is 1 s long; both steps start in the first.
    binned = course(steps((0.0, 0.2, 512, 8, 2, 10), (0.2, 0.8, 0, 16, 4, 30)), 100, NUM_BINS)
    assert binned.kv_mean[0] == pytest.approx((0.2 * 0.10 + 0.6 * 0.30) / 0.8)
    assert binned.kv_peak[0] == 0.30
    assert (binned.prefill[0], binned.decodes[0], binned.critical[0]) == (256, 12, 3)


def test_a_bin_without_a_step_has_no_value() -> None:
    binned = course(steps((0.0, 0.5, 1, 0, 0, 1), (2.0, 2.5, 1, 0, 0, 1)), 10, NUM_BINS)
    assert np.flatnonzero(~np.isnan(binned.kv_mean)).tolist() == [0, 2]
    assert np.flatnonzero(~np.isnan(binned.prefill)).tolist() == [0, 2]
    assert binned.middle_s[:3].tolist() == [0.5, 1.5, 2.5]


def test_a_step_that_starts_with_the_end_is_in_the_last_bin() -> None:
    binned = course(steps((10.0, 10.0, 7, 0, 0, 5)), 10, 10.0)
    assert binned.prefill[-1] == 7
    assert binned.kv_peak[-1] == 0.5
