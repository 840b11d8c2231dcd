"""What a sitting at a GPU works with that needs none: comparing ids, reading clocks."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from benchmarks.gpu.clocks import Clocks
from benchmarks.gpu.greedy import compared


def test_ids_agree_up_to_the_first_difference() -> None:
    own = [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert compared(own, own)["earliest_difference"] is None
    found = compared(own, [[1, 2, 3, 4], [5, 9, 7, 8]])
    assert found["requests_equal"] == 0.5
    assert found["first_tokens_equal"] == 1.0
    assert found["tokens_before_a_difference"] == 5 / 8
    assert found["earliest_difference"] == 1


def test_an_answer_that_ends_early_differs_where_it_ends() -> None:
    assert compared([[1, 2, 3]], [[1, 2]])["earliest_difference"] == 2


def test_clocks_of_a_stretch_leave_out_what_is_around_it(tmp_path: Path) -> None:
    path = tmp_path / "clocks.csv"
    path.write_text(
        "2026/11/26 06:00:00.000, 345, 3201, 78.5, 37, 0, 0x0000000000000001\n"
        "2026/11/26 06:00:01.000, 1980, 3201, 600.0, 60, 100, 0x0000000000000004\n"
        "2026/11/26 06:00:02.000, 1600, 3201, 700.0, 62, 98, 0x0000000000000000\n"
        "2026/11/26 06:00:03.0"
    )
    begin, end = (datetime(2026, 11, 26, 6, 0, at).astimezone() for at in (1, 2))
    found = Clocks(path).between(begin, end)
    assert found["readings"] == 2
    assert found["sm_mhz"] == {"median": 1790.0, "min": 1600.0, "max": 1980.0}
    assert found["power_w"]["max"] == pytest.approx(700.0)
    assert found["event_reasons"] == ["0x4"]
