"""Which code this is, and which code is behind a result: fingerprints, and commits."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from slaibench.machine.syntax import Import, syntax_of

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


def package_fingerprint() -> str:
    """16 hex digits over the files of our packages as this Python finds them."""
    hashed = hashlib.sha256()
    for name in PACKAGES:
        for folder in _folders(name):
            for path in sorted(_files(folder)):
                hashed.update(f"{name}/{path.relative_to(folder)}\0".encode())
                hashed.update(hashlib.sha256(path.read_bytes()).digest())
    return hashed.hexdigest()[:16]


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


def fingerprint(files: Mapping[str, Path]) -> str:
    """16 hex digits over the syntax of modules: comments, docstrings and layout do not count.

    Args:
        files: by module name (``modules``).
    """
    hashed = hashlib.sha256()
    for name in sorted(files):
        hashed.update(f"{name}\0{syntax_of(files[name]).digest}\0".encode())
    return hashed.hexdigest()[:16]


def modules(
    roots: Iterable[str], *, alone: Iterable[str] = (), apart: Collection[str] = ()
) -> dict[str, Path]:
    """Files of our packages that code runs through, by module name.

    A package's ``__init__`` that hands names on is seen through: only where a name comes from
    counts.

    Args:
        roots: modules that are followed to what they import.
        alone: modules that count and are not followed.
        apart: modules that do not count, and are not followed; of a package, all in it.

    Raises:
        ValueError: a root is no module of ours.
    """
    files = {name: _file_or_refuse(name) for name in alone}
    waiting = [name for name in roots if name not in files]
    for name in waiting:
        _file_or_refuse(name)
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if path is None or name in files or any(_inside(name, package) for package in apart):
            continue
        files[name] = path
        for named in syntax_of(path).imports:
            waiting.extend(_named(named, name, path))
    return files


def commit_of(files: Iterable[Path]) -> str | None:
    """The last commit that changed one of these files.

    So it is the same for the same code, whatever else was committed since.

    Returns:
        40 hex digits; None: the files are not as they were committed, or there is no git.
    """
    by_root: dict[Path, list[str]] = {}
    for path in (link.resolve() for link in files):  # git looks into no folder that is a link
        root = _repository(path.parent)
        if root is None:
            return None
        by_root.setdefault(root, []).append(str(path))
    if len(by_root) != 1:
        return None
    ((root, paths),) = by_root.items()
    changes = git(root, "status", "--porcelain", "--", *paths, limit_s=GIT_LIMIT_S)
    if changes != "":
        return None
    return git(root, "log", "-1", "--format=%H", "--", *paths, limit_s=GIT_LIMIT_S) or None


@lru_cache(maxsize=256)
def _repository(folder: Path) -> Path | None:
    """The work tree that a folder lies in."""
    return next((tree for tree in (folder, *folder.parents) if (tree / ".git").exists()), None)


def _inside(module: str, package: str) -> bool:
    """Whether a module is a package, or lies in it; by their names."""
    return f"{module}.".startswith(f"{package}.")


def _file_or_refuse(name: str) -> Path:
    path = _file(name)
    if path is None:
        raise ValueError(f"{name} is no module of {', '.join(PACKAGES)}")
    return path


@lru_cache(maxsize=4096)
def _file(name: str) -> Path | None:
    """The file of a module of ours; None: there is none."""
    top, *inner = name.split(".")
    if top not in PACKAGES:
        return None
    for folder in _folders(top):
        base = folder.joinpath(*inner)
        for path in (base.with_suffix(".py") if inner else base, base / "__init__.py"):
            if path.is_file():
                return path
    return None


@lru_cache(maxsize=16)
def _folders(package: str) -> tuple[Path, ...]:
    """Where this Python finds a package of ours."""
    spec = find_spec(package)
    return tuple(map(Path, (spec.submodule_search_locations or []) if spec else []))


def _named(named: Import, by: str, path: Path) -> Iterable[str]:
    """Modules behind an import."""
    module = _absolute(named.module, by, path)
    if not named.names:
        yield _innermost(module)
    for name in named.names:
        yield _origin(module, name)


def _absolute(module: str, by: str, path: Path) -> str:
    level = len(module) - len(module.lstrip("."))
    if level == 0:
        return module
    package = by.split(".") if path.name == "__init__.py" else by.split(".")[:-1]
    kept = package[: len(package) - (level - 1)]
    return ".".join([*kept, *filter(None, [module[level:]])])


def _innermost(text: str) -> str:
    """The module that a dotted text names, or that what it names lies in."""
    parts = text.split(".")
    candidates = (".".join(parts[:length]) for length in range(len(parts), 1, -1))
    return next((name for name in candidates if _file(name) is not None), text)


def _origin(module: str, name: str) -> str:
    """Where a name comes from that is imported from a module."""
    inner = f"{module}.{name}"
    if _file(inner) is not None:
        return inner
    path = _file(module)
    if path is None or path.name != "__init__.py":
        return module
    for handed_on in syntax_of(path).imports:
        if name in handed_on.names:
            return _origin(_absolute(handed_on.module, module, path), name)
    return module
