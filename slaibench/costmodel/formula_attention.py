"""Attention from an effective bandwidth and an effective rate, where no table was measured."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from slaibench.catalog import FormulaAttention

MOST_SEQUENCES = 1024
"""Decodes in a batch up to which a factor is looked up; beyond, the last one holds."""


class FormulaAttentionTimer:
    """Seconds of all attention layers of a batch (``FormulaAttention`` has the formulas).

    Args:
        formula: its numbers.
        slowdown: factor on every time.
    """

    def __init__(self, formula: FormulaAttention, slowdown: float = 1.0) -> None:
        layers_s = formula.layers * 1e-6 * slowdown
        self._decode_launch_s = formula.decode_launch_us * layers_s
        self._prefill_launch_s = formula.prefill_launch_us * layers_s
        self._token_s = formula.kv_bytes_per_token / (formula.kv_bandwidth_gbps * 1e9) * slowdown
        self._mixed_token_s = self._token_s * formula.mixed_decode_factor
        self._decode_by: _Factors | None = None
        if (factors := formula.by_decodes) is not None:
            places = factors.sequences, factors.context
            self._decode_by = _Factors(*places, factors.decode)
            self._mixed_by = _Factors(*places, factors.mixed)
        # Two multiplications, two operations each: query by key, and weight by value.
        pair = 4.0 * formula.hidden * formula.layers
        self._pair_s = pair / (formula.prefill_tflops * 1e12) * slowdown
        self._own_share = formula.own_share
        self._row_tile = formula.row_tile
        self._wave_tokens = formula.wave_tokens

    def decode_s(self, num_decodes: int, context_tokens: int) -> float:
        """A batch of decodes only, ``context_tokens`` of cache in all."""
        time = context_tokens * self._token_s
        if self._decode_by is not None:
            time *= self._decode_by.at(num_decodes, context_tokens)
        return self._decode_launch_s + time

    def prefill_s(self, prefills: Sequence[tuple[int, int]]) -> float:
        """A batch of prompt chunks only, each (tokens, history)."""
        return self._prefill_launch_s + self._pairs(prefills) * self._pair_s

    def mixed_s(
        self, num_decodes: int, context_tokens: int, prefills: Sequence[tuple[int, int]]
    ) -> float:
        """Prompt chunks and decodes: one after the other."""
        time = context_tokens * self._mixed_token_s
        if self._decode_by is not None:
            time *= self._mixed_by.at(num_decodes, context_tokens)
        return self.prefill_s(prefills) + time

    @property
    def launch_s(self) -> float:
        """Time of a prefill kernel before it does anything."""
        return self._prefill_launch_s

    def decode_floor_s(self, num_decodes: int, context_tokens: float) -> float:
        """What decodes alone take at least, in proportion to what they read."""
        time = context_tokens * self._token_s
        if self._decode_by is not None:
            time *= self._decode_by.least(num_decodes)
        return self._decode_launch_s + time

    def beside_floor_s(self, num_decodes: int, context_tokens: float) -> float:
        """What decodes add at least to the time of chunks."""
        time = context_tokens * self._mixed_token_s
        if self._decode_by is not None:
            time *= self._mixed_by.least(num_decodes)
        return time

    @property
    def pair_s(self) -> float:
        """Time of a query-key pair."""
        return self._pair_s

    @property
    def least_pair_share(self) -> float:
        """Of ``pair_s``: what a pair of a chunk (its tokens by those before it and half its own)
        takes at least; waves that are not full take more."""
        return min(1.0, 2 * self._own_share)

    def _pairs(self, prefills: Sequence[tuple[int, int]]) -> float:
        """Query-key pairs, with the last wave of tiles counted whole where history is read."""
        tokens = rows = long = 0
        own = across = 0.0
        for chunk, history in prefills:
            tokens += chunk
            rows += -(-chunk // self._row_tile) * self._row_tile
            own += chunk * chunk
            across += chunk * history
            long = max(long, history)
        if across:
            whole = -(-rows // self._wave_tokens) * self._wave_tokens
            across = max(across * whole / tokens, long * self._wave_tokens)
        return across + self._own_share * own


class _Factors:
    """A table over the number of decodes and their mean context, straight between its places."""

    def __init__(
        self, sequences: Sequence[int], context: Sequence[int], values: Sequence[float]
    ) -> None:
        self._context = context
        numbers = range(MOST_SEQUENCES)
        columns = np.reshape(values, (len(sequences), len(context))).T
        rows = np.stack([np.interp(numbers, sequences, column) for column in columns], axis=1)
        self._rows: list[list[float]] = rows.tolist()

    def at(self, num_decodes: int, context_tokens: int) -> float:
        """The factor for so many decodes that read so many KV tokens in all."""
        row = self._rows[min(num_decodes, MOST_SEQUENCES - 1)]
        context = self._context
        mean = context_tokens / num_decodes
        upper = bisect_right(context, mean, 1, len(context) - 1)
        low, high = context[upper - 1], context[upper]
        weight = min(1.0, max(0.0, (mean - low) / (high - low)))
        return row[upper - 1] + (row[upper] - row[upper - 1]) * weight

    def least(self, num_decodes: int) -> float:
        """The least factor for so many decodes, whatever they read."""
        return min(self._rows[min(num_decodes, MOST_SEQUENCES - 1)])
