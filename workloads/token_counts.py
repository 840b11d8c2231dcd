"""Tokens of texts, counted once and kept in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from slaibench.workloads.cache import kept_file
from slaibench.workloads.errors import WorkloadError


class TokenCounts:
    """Counts of the texts of one data set, in the order in which they are asked for.

    What asks must ask for the same texts in the same order each time, so that a count is found by
    its place; the file belongs to one data set and one way through it.

    Args:
        path: where they are kept; if it is there, nothing is counted.
        counter: makes what counts a text's tokens; called if something is counted.
    """

    def __init__(self, path: Path, counter: Callable[[], Callable[[str], int]]) -> None:
        self._path = path
        self._counts = self._read() if path.is_file() else None
        self._count = counter() if self._counts is None else None
        self._asked: list[int] = []

    def __call__(self, text: str) -> int:
        """Of the next text."""
        if self._count is not None:
            tokens = self._count(text)
        else:
            assert self._counts is not None
            if len(self._asked) >= len(self._counts):
                raise self._damaged("it ends too early")
            tokens = self._counts[len(self._asked)]
        self._asked.append(tokens)
        return tokens

    def keep(self) -> None:
        """Write what was counted; nothing if it was read.

        Raises:
            WorkloadError: the file cannot be written.
        """
        if self._counts is None:
            with kept_file(self._path) as unfinished, unfinished.open("wb") as file:
                np.save(file, np.array(self._asked, dtype=np.int64))

    def _read(self) -> list[int]:
        try:
            counts: list[int] = np.load(self._path, allow_pickle=False).tolist()
        except (OSError, ValueError, EOFError) as error:
            raise self._damaged(str(error)) from error
        return counts

    def _damaged(self, why: str) -> WorkloadError:
        return WorkloadError(f"{self._path}: not readable ({why}); delete it to count again")
