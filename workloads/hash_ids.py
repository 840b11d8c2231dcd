"""Prompts of a trace that names their blocks: equal numbers are equal beginnings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from slaibench.workloads.content import HASHED, Piece

IntArray = npt.NDArray[np.int64]
SIZES = (16, 32, 64, 128, 256, 512, 1024)
"""Tokens of a block that public traces have (Qwen's 16, Mooncake's 512) or may have."""


@dataclass(frozen=True)
class HashIds:
    """Numbers of the blocks of every row's prompt, end to end; row i owns
    ``ids[offsets[i]:offsets[i + 1]]``.

    Args:
        block_tokens: tokens of a block; the last one of a prompt may have fewer. What a prompt
            has beyond its blocks is its own.
    """

    block_tokens: int
    offsets: IntArray
    ids: IntArray

    @cached_property
    def identity(self) -> str:
        digest = hashlib.sha256(np.ascontiguousarray(self.offsets, dtype="<i8").tobytes())
        digest.update(np.ascontiguousarray(self.ids, dtype="<i8").tobytes())
        return f"blocks of {self.block_tokens}:{digest.hexdigest()}"

    def take(self, index: IntArray | slice) -> HashIds:
        """As ``content.Contents``."""
        begins, counts = self.offsets[:-1][index], np.diff(self.offsets)[index]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        places = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], counts)
        return HashIds(self.block_tokens, offsets, self.ids[places])

    def pieces(self, row: int, request_id: int, prompt_tokens: int) -> tuple[Piece, ...]:
        """As ``content.Contents``."""
        size, left = self.block_tokens, prompt_tokens
        pieces = []
        for block in self.ids[self.offsets[row] : self.offsets[row + 1]].tolist():
            pieces.append(Piece(HASHED + block, 0, min(size, left)))
            left -= size
        if left > 0:
            pieces.append(Piece(request_id, 0, left))
        return tuple(pieces)


def hash_ids(rows: Sequence[Sequence[int]], block_tokens: int) -> HashIds:
    """Of numbers row by row."""
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    ids = np.fromiter((block for row in rows for block in row), np.int64, int(offsets[-1]))
    return HashIds(block_tokens, offsets, ids)


def misfit(prompt_tokens: IntArray, counts: IntArray, block_tokens: int) -> int | None:
    """The first row that has not as many blocks as its prompt fills, with or without a last one
    that is not full; None: there is none."""
    full, all_of_them = prompt_tokens // block_tokens, -(-prompt_tokens // block_tokens)
    wrong = np.flatnonzero((counts != full) & (counts != all_of_them))
    return int(wrong[0]) if len(wrong) else None


def fitting_size(prompt_tokens: IntArray, counts: IntArray) -> int | None:
    """Tokens of a block, by how many blocks prompts have; None: no usual size fits, or several."""
    fitting = [size for size in SIZES if misfit(prompt_tokens, counts, size) is None]
    return fitting[0] if len(fitting) == 1 else None
