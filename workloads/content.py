"""What the tokens of a prompt are: equal beginnings are found again by a prefix cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

GENERATED = -1
"""The stream of what an engine generated: greedy outputs of equal prompts are equal."""
GENERATED_TOKEN = 7
"""Token id that emulated devices generate, and that stands for it in a later prompt."""
SHARED, HASHED = 1 << 40, 1 << 41
"""From which number on streams are those of a beginning that all prompts share, and of blocks that
a trace knows by a number; below are requests' own, by their ids."""
SYSTEM, SESSIONS = 1 << 45, 1 << 46
"""The same: of the system prompt of an application, and of turns of sessions."""
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_STEP = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive tokens of a stream.

    Args:
        stream: equal ones at equal places hold equal tokens; ``GENERATED``: all are alike.
        start: place of the first token in the stream.
        length: tokens, at least 1.
    """

    stream: int
    start: int
    length: int


class Contents(Protocol):
    """What the prompts of a table's rows are made of."""

    @property
    def identity(self) -> str:
        """Text that changes whenever the prompts may share something else."""

    def take(self, index: npt.NDArray[np.int64] | slice) -> Contents:
        """Those of the rows at ``index``."""

    def pieces(self, row: int, request_id: int, prompt_tokens: int) -> tuple[Piece, ...]:
        """Of one row's prompt, which has so many tokens, as a request of a run."""


@dataclass(frozen=True, slots=True)
class SharedBeginning:
    """All prompts begin alike.

    Args:
        tokens: how many are shared; every prompt has more.
        rest: what follows; None: what no other prompt has.
    """

    tokens: int
    rest: Contents | None = None

    @property
    def identity(self) -> str:
        return f"shared:{self.tokens}:{self.rest.identity if self.rest else ''}"

    def take(self, index: npt.NDArray[np.int64] | slice) -> SharedBeginning:
        """As ``Contents``."""
        return SharedBeginning(self.tokens, self.rest and self.rest.take(index))

    def pieces(self, row: int, request_id: int, prompt_tokens: int) -> tuple[Piece, ...]:
        """As ``Contents``."""
        left = prompt_tokens - self.tokens
        own = (Piece(request_id, 0, left),)
        rest = self.rest.pieces(row, request_id, left) if self.rest else own
        return Piece(SHARED, 0, self.tokens), *rest


class BlockKeys:
    """Of a request's blocks: what is in one and all before it, as a number.

    A block that reaches beyond the prompt is filled up by what the engine generates.

    Args:
        pieces: of the prompt, in order.
        size: tokens in a block.
    """

    __slots__ = ("_keys", "_next", "_pieces", "_size", "_used")

    def __init__(self, pieces: Sequence[Piece], size: int) -> None:
        self._pieces, self._size = pieces, size
        self._next = self._used = 0  # the piece where the next block begins, and its tokens before
        self._keys: list[int] = []

    def __getitem__(self, number: int) -> int:
        return self.first(number + 1)[number]

    def first(self, count: int) -> Sequence[int]:
        """Those of so many blocks, and perhaps of more; read only."""
        keys, size = self._keys, self._size
        while len(keys) < count:
            before = keys[-1] if keys else 0
            piece = self._pieces[self._next] if self._next < len(self._pieces) else None
            # Most blocks lie within one piece: all of it at once.
            whole = 0 if piece is None else (piece.length - self._used) // size
            if piece is None or piece.stream == GENERATED or not whole:
                # Of integers, which Python hashes alike in every process.
                keys.append(hash((before, *self._block())))
                continue
            place = piece.start + self._used
            for start in range(place, place + whole * size, size):
                before = hash((before, piece.stream, start, size))
                keys.append(before)
            self._used += whole * size
            if self._used == piece.length:
                self._next, self._used = self._next + 1, 0
        return keys

    def _block(self) -> list[int]:
        """The next block: stream, place and length of each of its parts."""
        parts: list[int] = []
        room = self._size
        while room and self._next < len(self._pieces):
            piece = self._pieces[self._next]
            length = min(room, piece.length - self._used)
            place = 0 if piece.stream == GENERATED else piece.start + self._used
            _append(parts, piece.stream, place, length)
            room -= length
            self._used += length
            if self._used == piece.length:
                self._next, self._used = self._next + 1, 0
        if room:
            _append(parts, GENERATED, 0, room)
        return parts


def _append(parts: list[int], stream: int, place: int, length: int) -> None:
    """Another part; one that goes on where the last one ends is the same part, since equal tokens
    must have one key however they were put together."""
    if parts and parts[-3] == stream and (stream == GENERATED or sum(parts[-2:]) == place):
        parts[-1] += length
    else:
        parts += (stream, place, length)


def token_ids(
    pieces: Sequence[Piece], seed: int, vocab_size: int, first_id: int
) -> npt.NDArray[np.int64]:
    """Token ids of pieces: each a function of the seed, its stream and its place alone.

    Args:
        vocab_size: ids stay below it.
        first_id: the least, below ``vocab_size``.

    Source of the mixing function: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
    """
    parts = []
    for piece in pieces:
        if piece.stream == GENERATED:
            parts.append(np.full(piece.length, GENERATED_TOKEN, dtype=np.int64))
            continue
        key = _mixed(np.array([seed & _WORD, piece.stream & _WORD], dtype=np.uint64))
        base = _mixed(key[:1] * np.uint64(3) + key[1:])
        places = np.arange(piece.start, piece.start + piece.length, dtype=np.uint64)
        drawn = _mixed(base + places * np.uint64(_STEP))
        parts.append((drawn % np.uint64(vocab_size - first_id)).astype(np.int64) + first_id)
    return np.concatenate(parts)


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(_MIX[0])
    values = (values ^ (values >> np.uint64(27))) * np.uint64(_MIX[1])
    return values ^ (values >> np.uint64(31))
