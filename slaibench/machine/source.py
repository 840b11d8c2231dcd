"""Which code this is: a fingerprint of our packages, and the commit they are of."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("slaibench",)
SUFFIXES = (".json", ".py")
"""Of what decides a recording: code, and the catalog's data."""
GIT_LIMIT_S = 20.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Commit:
    """Where a source tree is.

    Args:
        revision: of its last commit, 40 hex digits.
        dirty: whether tracked files differ from it.
    """

    revision: str
    dirty: bool


def fingerprint() -> str:
    """16 hex digits over the files of our packages as this Python finds them."""
    found = hashlib.sha256()
    for name in PACKAGES:
        spec = find_spec(name)
        folders = (spec.submodule_search_locations or []) if spec else []
        for folder in map(Path, folders):
            for path in sorted(_files(folder)):
                found.update(f"{name}/{path.relative_to(folder)}\0".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    """What decides a recording, below a folder; links are followed, as Python's imports do."""
    for below, _, names in os.walk(folder, followlinks=True):
        yield from (Path(below, name) for name in names if name.endswith(SUFFIXES))


def commit(root: Path = ROOT) -> Commit | None:
    """The commit of a source tree; None: it is none, or there is no git."""
    if not (root / ".git").exists():
        return None
    revision = git(root, "rev-parse", "HEAD", limit_s=GIT_LIMIT_S)
    changes = git(root, "status", "--porcelain", "--untracked-files=no", limit_s=GIT_LIMIT_S)
    if revision is None or changes is None:
        return None
    return Commit(revision, bool(changes))


def git(folder: Path, *arguments: str, limit_s: float | None = None) -> str | None:
    """What a git command prints in a folder; None: it failed, took too long, or there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=limit_s,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
