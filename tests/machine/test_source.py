"""Code differs by what is in its files; what is behind a result is found by its imports."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slaibench.machine.source import (
    ROOT,
    Commit,
    commit,
    commit_of,
    fingerprint,
    modules,
    package_fingerprint,
)


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=me", "-c", "user.email=me@example.com")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_same_files_elsewhere_are_the_same_code(tmp_path: Path) -> None:
    for name in ("schedulers", "slaibench", "workloads"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True)

    def there() -> str:
        code = "from slaibench.machine import source; print(source.package_fingerprint())"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert there() == package_fingerprint()
    with (tmp_path / "schedulers" / "slai.py").open("a") as file:
        file.write("# another word\n")
    assert there() != package_fingerprint()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_checkout_has_a_commit_and_may_be_dirty(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert commit(tmp_path) is None  # nothing is committed yet
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "a")
    revision = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "untracked").write_text("1")
    assert commit(tmp_path) == Commit(revision, dirty=False)
    (tmp_path / "a").write_text("2")
    assert commit(tmp_path) == Commit(revision, dirty=True)


BACKEND = "slaibench.backends.simulator.backend"


def test_modules_are_followed_to_all_that_they_import() -> None:
    files = modules([BACKEND])
    assert {
        BACKEND,
        "slaibench.backends.simulator.engine",
        "slaibench.backends.virtual",
        "slaibench.recording.record",
        "slaibench.schedulers.base",
        "slaibench.workloads.request",
    } <= set(files)
    assert not [name for name in files if name.startswith(("slaibench.report", "slaibench.cli"))]
    assert all(path.is_file() and path.suffix == ".py" for path in files.values())


def test_a_package_that_hands_names_on_is_seen_through() -> None:
    files = modules(["slaibench.costmodel.cost_model"])
    assert "slaibench.catalog.profile" in files
    # slaibench.catalog hands on much more than the cost model takes from it.
    assert "slaibench.catalog" not in files
    assert "slaibench.catalog.gpu" not in files


def test_what_is_alone_or_apart_is_not_followed() -> None:
    alone = modules([], alone=[BACKEND])
    assert set(alone) == {BACKEND}
    apart = modules([BACKEND], apart=["slaibench.backends.virtual"])
    assert "slaibench.backends.virtual" not in apart
    assert "slaibench.backends.simulator.engine" in apart


def test_a_root_that_is_no_module_is_refused() -> None:
    with pytest.raises(ValueError, match=r"slaibench\.nowhere is no module"):
        modules(["slaibench.nowhere"])
    with pytest.raises(ValueError, match="numpy is no module of"):
        modules([], alone=["numpy"])


def test_the_fingerprint_is_of_each_module_under_its_name(tmp_path: Path) -> None:
    a, b = tmp_path / "a.py", tmp_path / "b.py"
    a.write_text("A = 1\n")
    b.write_text("B = 1\n")
    before = fingerprint({"a": a, "b": b})
    assert fingerprint({"b": b, "a": a}) == before
    assert fingerprint({"a": b, "b": a}) != before
    assert fingerprint({"a": a}) != before
    a.write_text("# one\nA = 1\n")
    assert fingerprint({"a": a, "b": b}) == before
    a.write_text("A = 2\n")
    assert fingerprint({"a": a, "b": b}) != before


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("one.py", "two.py", "other.md"):
        (tmp_path / name).write_text(name)
    git(tmp_path, "init", "--quiet")
    commit_all(tmp_path)
    return tmp_path


def commit_all(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "m")
    return git(folder, "rev-parse", "HEAD")


def test_the_commit_is_the_last_one_that_changed_a_file(repository: Path) -> None:
    files = [repository / "one.py", repository / "two.py"]
    first = git(repository, "rev-parse", "HEAD")
    assert commit_of(files) == first
    (repository / "other.md").write_text("changed")
    assert commit_of(files) == first
    assert commit_all(repository) != first
    assert commit_of(files) == first
    (repository / "two.py").write_text("changed")
    assert commit_of(files) is None
    second = commit_all(repository)
    assert commit_of(files) == second
    assert commit_of(files[:1]) == first


def test_where_there_is_no_git_there_is_no_commit(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("")
    assert commit_of([tmp_path / "one.py"]) is None
    assert commit_of([]) is None


def test_files_that_were_never_committed_have_none(repository: Path) -> None:
    (repository / "new.py").write_text("")
    assert commit_of([repository / "new.py"]) is None


def test_of_this_tree_it_is_a_commit_or_unknown() -> None:
    revision = commit_of(modules([BACKEND]).values())
    if (ROOT / ".git").exists() and revision is not None:
        assert git(ROOT, "cat-file", "-t", revision) == "commit"
