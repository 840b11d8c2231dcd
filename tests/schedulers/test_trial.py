"""A user's file is tried out where it can hang or end its process."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from slaibench.schedulers.trial import LIMIT_S, try_out
from tests.schedulers.hostile import LINES, hostile

count = itertools.count()


def trial(folder: Path, harm: str, place: str, limit_s: float = LIMIT_S) -> None:
    file = folder / "mine.py"
    file.write_text(hostile(harm, place))
    try_out(f"{file}:Mine", file, next(count), limit_s)


@pytest.mark.parametrize("place", ["import", "__init__", "options"])
@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("ctypes.CDLL(None)._exit(0)", r"its process ended with status 0 while mine\.py"),
        ("ctypes.CDLL(None).raise_(9)", "AttributeError"),
        ("ctypes.string_at(0)", r"was killed by SIGSEGV while mine\.py, line LINE"),
        ("os._exit(0)", r"os\._exit\(0\) would end the process \(mine\.py, line LINE\)"),
        ("sys.exit()", r"SystemExit \(mine\.py, line LINE\)"),
        ("input()", r"EOFError"),
    ],
)
def test_what_ends_the_process_is_reported(
    tmp_path: Path, place: str, harm: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message.replace("LINE", str(LINES[place]))) as caught:
        trial(tmp_path, harm, place)
    assert re.search(r"mine\.py", str(caught.value))


def test_what_never_comes_to_an_end_is_reported_with_its_line(tmp_path: Path) -> None:
    message = rf"mine\.py:Mine' is not imported .* it hangs in mine\.py, line {LINES['import']}"
    with pytest.raises(ValueError, match=message):
        trial(tmp_path, "time.sleep(1e6)", "import", limit_s=0.5)
    with pytest.raises(ValueError, match=rf"hangs in mine\.py, line {LINES['__init__']}"):
        trial(tmp_path, "while True: pass", "__init__", limit_s=0.5)


def test_a_file_that_works_is_tried_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(hostile(f"open({str(tmp_path / 'tried')!r}, 'a').write('x')", "import"))
    for _ in range(2):
        try_out(f"{file}:Mine", file, 1)
    assert (tmp_path / "tried").read_text() == "x"
