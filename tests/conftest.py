"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import rooms
from tests.reproductions.bari2025.small import SmallPaper, run_small

# A machine may be busy: how long an example takes says nothing about the code.
settings.register_profile("slaibench", deadline=None)
settings.load_profile("slaibench")
# Tests that run side by side are given these, and a console keeps for good what it finds at first.
for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)

FIRST = (
    "schedulers/engines",
    "docs",
    "benchmarks",
    "backends/engines",
    "studies/calibration",
    "studies/regression",
    "studies/executors",
    "cli",
)
"""Folders whose files take minutes each. Begun last, one of them would keep a worker busy long
after the others are done."""


def pytest_configure() -> None:
    """Ctrl-C as in a terminal: a script's background job ignores it, and so would all that tests
    start, and wait for."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; otherwise in their order."""
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(here).as_posix() if item.path.is_relative_to(here) else ""
        places = [number for number, name in enumerate(FIRST) if path.startswith(f"{name}/")]
        return places[0] if places else len(FIRST)

    items.sort(key=place)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What each room of the tests took, where all of them ran."""
    reports = (report for reports in terminalreporter.stats.values() for report in reports)
    taken = rooms.seconds(entry for entry in reports if isinstance(entry, pytest.TestReport))
    for line in rooms.lines(taken, rooms.SHARES):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of reference traces, profiles and logs, which are not part of the project."""
    named = os.environ.get("SLAIBENCH_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("reference data is absent: set SLAIBENCH_DATA to the folder that holds traces/")
    return folder


@pytest.fixture(scope="session")
def small_paper(tmp_path_factory: pytest.TempPathFactory) -> SmallPaper:
    """Parts of the paper with short runs, for all tests of its figures and of their page."""
    return run_small(tmp_path_factory.mktemp("paper"))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages that are installed (``tests.brought.package``)."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("theirs", None)
