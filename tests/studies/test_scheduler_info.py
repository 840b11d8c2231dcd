"""A scheduler is known by its code, and fails with a message whatever it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.studies import scheduler_info

MINE = """
from slaibench.schedulers.sarathi import Sarathi

class Mine(Sarathi):
    '''Sarathi under another name.'''

class Raises(Sarathi):
    def __init__(self, **options):
        raise KeyError('boom')

class Hides(Sarathi):
    def __init__(self, alpha=1, **options):
        super().__init__(**options)

class Odd(Sarathi):
    def __init__(self, weights=(1, 2), **options):
        super().__init__(**options)
        self.weights = weights
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    return file


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        ("Raises", r"cannot be built: KeyError: 'boom' \(mine.py, line 9\)"),
        ("Hides", "must keep its option 'alpha' as self.alpha"),
        ("Mine:token_budget=0", "token_budget must be a whole number of at least 1, not 0"),
        ("Nobody", "no class 'Nobody'"),
    ],
)
def test_a_class_of_the_users_that_fails_is_reported_as_a_value_error(
    mine: Path, cls: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        scheduler_info.describe(f"{mine}:{cls}")


def test_options_that_json_has_no_word_for_are_kept_as_text(mine: Path) -> None:
    assert scheduler_info.describe("rad").options["cycle"] == "inf"
    assert scheduler_info.describe(f"{mine}:Odd").options["weights"] == "(1, 2)"
    assert scheduler_info.describe("slai").options["order"] == "spf"
    assert scheduler_info.describe("sarathi").options["watermark"] == 0.01


def test_an_edited_file_is_another_scheduler_and_a_moved_one_is_not(
    mine: Path, tmp_path: Path
) -> None:
    before = scheduler_info.describe(f"{mine}:Mine").source
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "renamed.py"
    moved.write_text(MINE)
    assert scheduler_info.describe(f"{moved}:Mine").source == before
    mine.write_text(MINE.replace("boom", "bang"))
    assert scheduler_info.describe(f"{mine}:Mine").source != before


def test_what_a_file_looks_like_does_not_count(mine: Path) -> None:
    before = scheduler_info.describe(f"{mine}:Mine").source
    mine.write_text("# a comment\n" + MINE.replace("another name", "a third name"))
    assert scheduler_info.describe(f"{mine}:Mine").source == before


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / "mine.py")
        files[-1].write_text(MINE + f"\nPLACE = {folder!r}\n")
    first, second = (scheduler_info.describe(f"{file}:Mine").source for file in files)
    assert first != second
    assert scheduler_info.describe(f"{files[0]}:Mine").source == first


def test_built_in_schedulers_are_identified_by_their_code_not_by_their_options() -> None:
    sources = {
        text: scheduler_info.describe(text).source for text in ("sarathi", "slai", "rad", "orca")
    }
    assert len(set(sources.values())) == 4
    assert scheduler_info.describe("slai:order=fcfs").source == sources["slai"]


def test_the_code_of_what_a_scheduler_is_built_on_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A package of the user's: the scheduler in one file, its base in the next, a helper in a third.
    package = tmp_path / "theirs"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text("LIMIT = 3\n\ndef limit():\n    return LIMIT\n")
    (package / "base.py").write_text(
        "from slaibench.schedulers.sarathi import Sarathi\nfrom theirs.helper import limit\n\n"
        "class Base(Sarathi):\n    pass\n"
    )
    own = tmp_path / "own.py"
    own.write_text("from theirs.base import Base\n\nclass Own(Base):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    seen = {scheduler_info.describe(f"{own}:Own").source}
    for file in ("helper.py", "base.py"):
        (package / file).write_text((package / file).read_text() + "CHANGED = True\n")
        seen.add(scheduler_info.describe(f"{own}:Own").source)
    assert len(seen) == 3
