"""Host time: what is fitted, and that nothing else is looked at."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slaibench.catalog.host import HostTime
from slaibench.studies.board.causes import Cause
from slaibench.studies.board.fit import Replayed, fit_host_times
from tests.studies.board.conftest import HELD_OUT


def engine(make_row, replayed, *, step: float, sequence: float, first: float, others=()):
    """An engine whose replay lacks this much; what is put into it comes out of it."""

    def replays(times: Sequence[HostTime]) -> list[Replayed]:
        results = list(others)
        for count in (1, 4, 16, 64, 128, 200):
            row = make_row(concurrency=count, tpot_ms=8 + 0.05 * count, ttft_ms=100.0 + count)
            put = times[0].step_ms + times[0].sequence_ms * count if times else 0.0
            tpot = row.tpot_ms - step - sequence * count + put
            results.append(replayed(row, tpot, row.ttft_ms - first))
        return results

    return replays


def test_what_a_replay_lacks_is_found(make_row, replayed):
    (time,) = fit_host_times(engine(make_row, replayed, step=1.5, sequence=0.02, first=12.0))
    assert (time.step_ms, time.sequence_ms, time.first_ms) == pytest.approx((1.5, 0.02, 12.0))
    assert (time.engine, time.asynchronous, time.architecture) == ("vllm", True, "")
    assert (time.rows, time.configurations) == (6, 1)


def test_no_host_time_is_negative(make_row, replayed):
    (time,) = fit_host_times(engine(make_row, replayed, step=-1.5, sequence=0.0, first=-5.0))
    assert (time.step_ms, time.sequence_ms, time.first_ms) == (0.0, 0.0, 0.0)


def test_a_row_that_is_far_off_moves_nothing(make_row, replayed):
    wild = [replayed(make_row(tpot_ms=50.0), 5.0, 1.0)]
    replays = engine(make_row, replayed, step=1.5, sequence=0.02, first=12.0, others=wild)
    (time,) = fit_host_times(replays)
    assert (time.step_ms, time.sequence_ms) == pytest.approx((1.5, 0.02))


@pytest.mark.parametrize("cause", [Cause.FULL_CACHE, Cause.MANY_CLIENTS])
def test_rows_whose_waits_are_not_the_engines_are_left_out(make_row, replayed, cause):
    wild = [replayed(make_row(tpot_ms=50.0), 5.0, causes=frozenset({cause}))] * 50
    replays = engine(make_row, replayed, step=1.5, sequence=0.02, first=12.0, others=wild)
    (time,) = fit_host_times(replays)
    assert time.rows == 6
    assert time.step_ms == pytest.approx(1.5)


def test_the_held_out_half_is_refused(make_row, replayed):
    held_out = replayed(make_row(HELD_OUT), 9.0)
    with pytest.raises(ValueError, match="fitted half alone"):
        fit_host_times(lambda times: [held_out])
