"""Attention from measured tables: multilinear interpolation, in plain Python for the hot loop."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from slaibench.catalog import TableAttention

MOST_SEQUENCES = 1024
"""Sequences in a batch up to which the interpolation's place is looked up, not searched."""


class TableAttentionTimer:
    """Seconds of all attention layers of a batch, its decodes all of one context: their mean.

    What unequal contexts cost beside is ``UnequalContextsTimer``'s.

    Args:
        tables: what was measured.
        slowdown: factor on every time.
    """

    def __init__(self, tables: TableAttention, slowdown: float = 1.0) -> None:
        scale = tables.layers * slowdown * 1e-6
        self._decode = [time * scale for time in tables.decode_us]
        self._prefill = [time * scale for time in tables.prefill_us]
        self._mixed = [time * scale for time in tables.mixed_us]
        self._launch_s = min(self._prefill)

        self._decode_context = _Axis(tables.decode_context)
        self._decode_places = _places(tables.decode_sequences, len(tables.decode_context))
        self._decode_row = len(tables.decode_context)

        self._history = _Axis(tables.prefill_history)
        self._chunk_row = len(tables.prefill_history)
        self._chunk_places = _chunk_places(
            tables.prefill_chunk, self._chunk_row, tables.row_tile, tables.wave_tokens
        )
        self._largest_chunk = tables.prefill_chunk[-1]
        self._tables = tables

        if not tables.mixed_us:
            return
        self._mixed_context = _Axis(tables.mixed_context)
        self._mixed_history = _Axis(tables.mixed_history)
        self._sequence_row = len(tables.mixed_context)
        self._history_row = self._sequence_row * len(tables.mixed_sequences)
        self._mixed_row = self._history_row * len(tables.mixed_history)
        self._mixed_sequences = _places(tables.mixed_sequences, self._sequence_row)
        self._mixed_chunks = _places(tables.mixed_chunk, self._mixed_row, self._largest_chunk)

    def decode_s(self, num_decodes: int, context_tokens: int) -> float:
        """A batch of decodes only, ``context_tokens`` of cache in all."""
        table = self._decode
        axis = self._decode_context
        mean = context_tokens / num_decodes
        j = bisect_right(axis.inner, mean)
        weight = (mean - axis.values[j]) * axis.inverse[j]
        weight = max(weight, 0.0)
        if num_decodes < MOST_SEQUENCES:
            i, across = self._decode_places[num_decodes]
        else:
            i, across = _beyond(self._decode_places, num_decodes)
        i += j
        low = table[i]
        low += (table[i + 1] - low) * weight
        i += self._decode_row
        high = table[i]
        high += (table[i + 1] - high) * weight
        return low + (high - low) * across

    def prefill_s(self, prefills: Sequence[tuple[int, int]]) -> float:
        """A batch of prompt chunks only, each (tokens, history).

        Several chunks in one kernel were not measured. They take at least as long as the slowest
        of them alone, and at most as long as one after the other; between these bounds they are
        taken as one chunk of as many tokens and as much work.
        """
        if len(prefills) == 1:
            return self._one_chunk_s(*prefills[0])
        return self._several_s(prefills, self._one_chunk_s(*_merged(prefills)))

    def mixed_s(
        self, num_decodes: int, context_tokens: int, prefills: Sequence[tuple[int, int]]
    ) -> float:
        """Prompt chunks and decodes in one kernel, which serves decodes worse than theirs does.

        Several chunks cost beside decodes what they cost without, more or less than as one. Where
        no such kernel was measured, there are two.
        """
        if not self._mixed:
            return self.prefill_s(prefills) + self.decode_s(num_decodes, context_tokens)
        if len(prefills) == 1:
            return self._one_mixed_s(num_decodes, context_tokens, *prefills[0])
        chunk, history = _merged(prefills)
        as_one = self._one_chunk_s(chunk, history)
        extra = self._several_s(prefills, as_one) - as_one
        return self._one_mixed_s(num_decodes, context_tokens, chunk, history) + extra

    def _one_mixed_s(
        self, num_decodes: int, context_tokens: int, chunk: int, history: float
    ) -> float:
        extra = 0.0
        while chunk > self._largest_chunk:
            extra += self._one_chunk_s(self._largest_chunk, history) - self._launch_s
            history += self._largest_chunk
            chunk -= self._largest_chunk

        table = self._mixed
        axis = self._mixed_context
        mean = context_tokens / num_decodes
        j = bisect_right(axis.inner, mean)
        weight = (mean - axis.values[j]) * axis.inverse[j]
        weight = max(weight, 0.0)
        if num_decodes < MOST_SEQUENCES:
            i, across = self._mixed_sequences[num_decodes]
        else:
            i, across = _beyond(self._mixed_sequences, num_decodes)
        axis = self._mixed_history
        k = bisect_right(axis.inner, history)
        along = (history - axis.values[k]) * axis.inverse[k]
        start, deep = self._mixed_chunks[chunk]
        i += j + k * self._history_row + start
        row, far = self._sequence_row, self._history_row

        # Unrolled: sixteen corners, context first, then sequences, history and chunk.
        a = table[i]
        a += (table[i + 1] - a) * weight
        b = table[i + row]
        b += (table[i + row + 1] - b) * weight
        a += (b - a) * across
        i += far
        c = table[i]
        c += (table[i + 1] - c) * weight
        b = table[i + row]
        b += (table[i + row + 1] - b) * weight
        c += (b - c) * across
        a += (c - a) * along
        i += self._mixed_row
        d = table[i]
        d += (table[i + 1] - d) * weight
        b = table[i + row]
        b += (table[i + row + 1] - b) * weight
        d += (b - d) * across
        i -= far
        c = table[i]
        c += (table[i + 1] - c) * weight
        b = table[i + row]
        b += (table[i + row + 1] - b) * weight
        c += (b - c) * across
        c += (d - c) * along
        return a + (c - a) * deep + extra

    def _several_s(self, prefills: Sequence[tuple[int, int]], as_one_s: float) -> float:
        longest = in_turn = 0.0
        for chunk, history in prefills:
            time = self._one_chunk_s(chunk, history)
            in_turn += time - self._launch_s
            longest = max(longest, time)
        return max(longest, min(in_turn + self._launch_s, as_one_s))

    def _one_chunk_s(self, chunk: int, history: float) -> float:
        extra = 0.0
        while chunk > self._largest_chunk:
            extra += self._one_chunk_s(self._largest_chunk, history) - self._launch_s
            history += self._largest_chunk
            chunk -= self._largest_chunk
        axis = self._history
        j = bisect_right(axis.inner, history)
        weight = (history - axis.values[j]) * axis.inverse[j]
        i, across, by_waves = self._chunk_places[chunk]
        # Tiles against a long history are all alike and finish in waves; a chunk's attention to
        # itself is of all lengths and fills the gaps.
        across += (by_waves - across) * history / (history + chunk)
        table = self._prefill
        i += j
        low = table[i]
        low += (table[i + 1] - low) * weight
        i += self._chunk_row
        high = table[i]
        high += (table[i + 1] - high) * weight
        return low + (high - low) * across + extra

    @property
    def tables(self) -> TableAttention:
        """What was measured."""
        return self._tables

    @property
    def launch_s(self) -> float:
        """Time of a prefill kernel before it does anything."""
        return self._launch_s

    def chunk_range_s(self, chunk: int, history: int) -> tuple[float, float]:
        """Two times that one chunk's lies between, each straight in history between two measured
        histories; the chunk no longer than the largest measured one."""
        axis = self._history
        j = bisect_right(axis.inner, history)
        weight = (history - axis.values[j]) * axis.inverse[j]
        i, by_tokens, by_waves = self._chunk_places[chunk]
        table = self._prefill
        low, high = (
            table[k] + (table[k + 1] - table[k]) * weight for k in (i + j, i + j + self._chunk_row)
        )
        times = (low + (high - low) * by_tokens, low + (high - low) * by_waves)
        return min(times), max(times)


class _Axis:
    """Measured places along one axis, for ``bisect``; beyond the ends the last cell goes on."""

    __slots__ = ("inner", "inverse", "values")

    def __init__(self, values: Sequence[int]) -> None:
        self.values = values
        self.inner = tuple(values[1:-1])
        self.inverse = tuple(1.0 / (high - low) for low, high in pairwise(values))


def _places(
    values: Sequence[int], stride: int, largest: int = MOST_SEQUENCES
) -> list[tuple[int, float]]:
    """(offset of the cell's lower corner, weight of the upper one) for every whole number.

    Below the first measured place its value holds; above the last, its cell goes on.
    """
    axis = _Axis(values)
    out = []
    for value in range(largest + 1):
        cell = bisect_right(axis.inner, value)
        out.append((cell * stride, max(0.0, (value - axis.values[cell]) * axis.inverse[cell])))
    return out


def _beyond(places: Sequence[tuple[int, float]], value: int) -> tuple[int, float]:
    """The same for a number past the end of the list."""
    offset, weight = places[-1]
    slope = weight - places[-2][1]
    return offset, weight + (value - len(places) + 1) * slope


def _chunk_places(
    chunks: Sequence[int], stride: int, row_tile: int, wave_tokens: int
) -> list[tuple[int, float, float]]:
    """Like ``_places``, with the weight also in waves instead of tokens."""

    def waves(tokens: int) -> int:
        return -(-(-(-tokens // row_tile) * row_tile) // wave_tokens)

    out = []
    for tokens, (offset, weight) in enumerate(_places(chunks, stride, chunks[-1])):
        low, high = chunks[offset // stride], chunks[offset // stride + 1]
        rise = waves(high) - waves(low)
        by_waves = (waves(tokens) - waves(low)) / rise if rise and tokens > low else weight
        out.append((offset, weight, by_waves))
    return out


def _merged(prefills: Sequence[tuple[int, int]]) -> tuple[int, float]:
    """One chunk with the tokens and, if it can, the query-key pairs of several."""
    tokens = 0
    pairs = 0.0
    for chunk, history in prefills:
        tokens += chunk
        pairs += chunk * (history + 0.5 * chunk)
    return tokens, max(0.0, pairs / tokens - 0.5 * tokens)
