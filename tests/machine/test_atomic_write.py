"""Files and folders appear whole, at once, and those of nobody go."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from slaibench.machine import atomic_write
from slaibench.machine.atomic_write import clear_away, hidden_folder, put, write_whole

MARK = "mark"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def placed(target: Path, text: str, *, replace: bool = True) -> None:
    with hidden_folder(target) as folder:
        (folder / MARK).write_text(text)
        put(folder, target, replace=replace, mark=MARK)


def test_a_file_takes_the_place_of_another_or_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    for text in ("one", "two"):
        write_whole(file, text)
        assert file.read_text() == text

    def full(*_: object) -> None:
        raise OSError("no space is left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_whole(file, "three")
    assert file.read_text() == "two"
    assert names(tmp_path) == ["file"]


@pytest.fixture(params=[True, False], ids=["exchanged", "renamed"])
def exchanges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the file system can exchange two names."""
    if not request.param:
        monkeypatch.setattr(atomic_write, "_renameat2", lambda *_: False)
    return bool(request.param)


@pytest.mark.usefixtures("exchanges")
def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    for text in ("one", "two"):
        placed(tmp_path / "cell", text)
        assert (tmp_path / "cell" / MARK).read_text() == text
        assert names(tmp_path) == ["cell"]


@pytest.mark.usefixtures("exchanges")
def test_a_whole_folder_stays_and_half_a_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "other").touch()
    placed(tmp_path / "cell", "one", replace=False)
    placed(tmp_path / "cell", "two", replace=False)
    assert (tmp_path / "cell" / MARK).read_text() == "one"
    assert names(tmp_path) == ["cell"]


def test_who_is_killed_between_two_renames_has_lost_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic_write, "_renameat2", lambda *_: False)
    placed(tmp_path / "cell", "one")
    rename = os.rename

    def killed(source: Path, target: Path) -> None:
        if Path(target).name == "cell":
            raise KeyboardInterrupt  # nothing of ours runs after a real one
        rename(source, target)

    monkeypatch.setattr(os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        placed(tmp_path / "cell", "two")
    monkeypatch.setattr(os, "rename", rename)
    assert not (tmp_path / "cell").exists()
    clear_away(tmp_path)
    assert (tmp_path / "cell" / MARK).read_text() == "one"
    assert names(tmp_path) == ["cell"]


def test_what_nobody_owns_is_cleared_away_and_what_somebody_writes_is_not(tmp_path: Path) -> None:
    place_of = tmp_path / "a" / "b"
    left = place_of / f".cell-{uuid.uuid4().hex}"
    left.mkdir(parents=True)
    (left / "half").touch()
    for own in (".git", ".cell-1", "visible-" + "0" * 32):
        (place_of / own).mkdir()
    (place_of / f".file-{uuid.uuid4().hex}").touch()
    with hidden_folder(place_of / "cell") as folder:
        clear_away(tmp_path)
        assert folder.exists()
        assert not left.exists()
    assert not folder.exists()
    assert {".git", ".cell-1", "visible-" + "0" * 32} < set(names(place_of))


def test_a_folder_that_was_cleared_away_as_it_was_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, tries = atomic_write._own, []

    def late(folder: Path, *, wait: bool = True) -> int | None:
        tries.append(folder)
        lock = own(folder, wait=wait)
        if len(tries) == 1:
            folder.rmdir()  # by somebody who had the lock first
        return lock

    monkeypatch.setattr(atomic_write, "_own", late)
    with hidden_folder(tmp_path / "cell") as folder:
        assert folder.is_dir()
    assert len(tries) == 2
