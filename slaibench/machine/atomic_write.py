"""Files and folders that appear whole or not at all.

They take another's place at once. Folders are cleared away when their writer was killed.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2
"""Of Linux' ``renameat2``."""
ASIDE = ".was"
"""Ends the name of a folder that another one is just taking the place of."""
_HIDDEN = re.compile(r"\.(?P<name>.+)-[0-9a-f]{32}(?P<aside>\.was)?")


def write_whole(file: Path, text: str) -> None:
    """Write beside the file, then take its place; whoever reads it meanwhile reads the old one.

    Raises:
        OSError: the file system refused; what was there stays.
    """
    temporary = file.with_name(f".{file.name}-{uuid.uuid4().hex}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def hidden_folder(target: Path) -> Iterator[Path]:
    """A new folder beside a target, which this process owns; what is left of it goes at the end.

    Raises:
        OSError: the file system refused.
    """
    while True:
        folder = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
        folder.mkdir(parents=True)
        owned = _own(folder)
        # Somebody who clears away may have come between the two lines above.
        if owned is None or folder.exists():
            break
        os.close(owned)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if owned is not None:
            os.close(owned)


def put(folder: Path, target: Path, *, replace: bool, mark: str) -> None:
    """Give a folder its target's name; what was there meanwhile has the folder's, or is gone.

    At any moment there is a whole folder of that name, if there was one before: whoever reads,
    and whoever is killed, finds either. (On a file system that cannot exchange two names there is
    none for the time between two renames; ``clear_away`` brings it back.)

    Args:
        replace: take the place of a whole folder too; else that stays.
        mark: a file that a whole folder has.

    Raises:
        OSError: the file system refused.
    """
    try:
        os.replace(folder, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if not replace and (target / mark).exists():
            return
        _exchange(folder, target)


def clear_away(root: Path) -> None:
    """Remove what killed processes were writing under a folder: hidden folders nobody owns."""
    for place, inner, _ in os.walk(root):
        hidden = [name for name in inner if _HIDDEN.fullmatch(name)]
        inner[:] = [name for name in inner if not name.startswith(".")]
        for name in hidden:
            _clear(Path(place, name))


def _clear(folder: Path) -> None:
    owned = None
    try:
        owned = _own(folder, wait=False)
        if owned is None:
            return  # nobody can tell whose it is
        hidden = _HIDDEN.fullmatch(folder.name)
        if hidden and hidden["aside"]:
            target = folder.with_name(hidden["name"])
            if not target.exists():
                os.rename(folder, target)
                return
        shutil.rmtree(folder)
    except OSError:
        pass  # somebody's, or gone already
    finally:
        if owned is not None:
            os.close(owned)


def _own(folder: Path, *, wait: bool = True) -> int | None:
    """Lock a folder until what is returned is closed, or this process is gone.

    Returns:
        None: its file system has no locks.

    Raises:
        OSError: it is not there, or (without ``wait``) another process has it.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(opened)
        raise
    except OSError:
        os.close(opened)
        return None
    return opened


def _exchange(folder: Path, target: Path) -> None:
    """Let two folders have each other's names."""
    if _renameat2(folder, target):
        return
    aside = folder.with_name(folder.name + ASIDE)
    os.rename(target, aside)
    os.rename(folder, target)
    shutil.rmtree(aside, ignore_errors=True)


def _renameat2(folder: Path, target: Path) -> bool:
    """Whether the system could exchange them in one step.

    Raises:
        OSError: it can, and did not.
    """
    with suppress(AttributeError):  # no Linux, or an old C library
        names = os.fsencode(folder), os.fsencode(target)
        call = ctypes.CDLL(None, use_errno=True).renameat2
        if call(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0:
            return True
        number = ctypes.get_errno()
        if number not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise OSError(number, os.strerror(number), str(target))
    return False
