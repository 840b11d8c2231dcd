"""Code is told apart by what is in its files, and a checkout by its commit."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slaibench.machine.source import ROOT, Commit, commit, fingerprint


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=me", "-c", "user.email=me@example.com")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_same_files_elsewhere_are_the_same_code(tmp_path: Path) -> None:
    for name in ("schedulers", "slaibench", "workloads"):
        shutil.copytree(ROOT / name, tmp_path / name)

    def there() -> str:
        code = "from slaibench.machine.source import fingerprint; print(fingerprint())"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert there() == fingerprint()
    with (tmp_path / "schedulers" / "slai.py").open("a") as file:
        file.write("# another word\n")
    assert there() != fingerprint()


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
