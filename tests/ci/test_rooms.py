"""Every room of the tests has a share of their time, and a run says who took more."""

from __future__ import annotations

import pytest

from tests.rooms import MARGIN, SHARES, TESTS, lines, room, seconds


def test_every_room_has_a_share_and_together_they_are_all() -> None:
    folders = {path.relative_to(TESTS).parts[0] for path in TESTS.glob("*/**/test_*.py")}
    assert SHARES.keys() == {*folders, "tests"}
    assert sum(SHARES.values()) == pytest.approx(100)


@pytest.mark.parametrize(
    ("test_id", "name"),
    [
        ("tests/cli/test_show.py::test_a[tests/b::c]", "cli"),
        ("tests/report/bound/test_page.py::test_a", "report"),
        ("tests/test_api.py::test_a[b/c]", "tests"),
    ],
)
def test_a_test_is_of_the_folder_it_lies_in(test_id: str, name: str) -> None:
    assert room(test_id) == name


def test_seconds_are_of_all_phases_of_a_rooms_tests() -> None:
    reports = [
        pytest.TestReport(test_id, ("", 0, ""), {}, "passed", None, when, duration=duration)
        for test_id, when, duration in (
            ("tests/cli/test_a.py::test_a", "setup", 1.0),
            ("tests/cli/test_b.py::test_b", "call", 2.0),
            ("tests/docs/test_c.py::test_c", "call", 4.0),
        )
    ]
    assert seconds(reports) == {"cli": 3.0, "docs": 4.0}


def test_a_room_that_takes_more_than_its_share_is_named() -> None:
    shares = {"cli": 50.0, "docs": 50.0}
    said = list(lines({"cli": 30.0, "docs": 30.0}, shares))
    assert not any("over its share" in line for line in said)
    more = 60.0 * MARGIN
    longest, other = list(lines({"cli": 100 - more, "docs": more}, shares))[1:]
    assert longest.startswith("docs")
    assert "over its share" in longest
    assert "over its share" not in other


def test_part_of_the_suite_is_not_compared() -> None:
    assert list(lines({"cli": 30.0}, SHARES)) == []
