"""How long a batch takes on a GPU, from its profile."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from slaibench.catalog import Profile, TableAttention
from slaibench.costmodel.formula_attention import FormulaAttentionTimer
from slaibench.costmodel.table_attention import TableAttentionTimer
from slaibench.costmodel.unequal_contexts import Spread, UnequalContextsTimer

LARGEST_BATCH_TOKENS = 16_384
LARGEST_BATCH_SEQUENCES = 1_024


@dataclass(frozen=True, slots=True)
class Excess:
    """One way in which a batch is larger than anything measured; its time is extrapolated.

    Args:
        what: the quantity, as a reader would call it.
        value: the batch's.
        measured: the largest that was measured.
    """

    what: str
    value: int
    measured: int

    def __str__(self) -> str:
        return f"{self.what}: {self.value}, measured up to {self.measured}"


class CostModel:
    """Batch times of one profile: linear layers + output head and sampler + attention + constant.

    Everything that depends on a small whole number is looked up in lists made here, because a
    simulator times millions of batches.

    Args:
        profile: from the catalog.
        slowdown: factor on the GPU's time (a slower clock, a shared card); not on the time between
            steps.
        asynchronous: whether the engine decides a batch while the one before runs, which is what
            ``between_s`` is of; None: as the profile's engine does (``Profile.is_asynchronous``).

    Attributes:
        needs_spread: whether it makes a difference how unequal contexts are.
    """

    def __init__(
        self, profile: Profile, *, slowdown: float = 1.0, asynchronous: bool | None = None
    ) -> None:
        if not slowdown > 0:
            raise ValueError(f"slowdown must be positive, not {slowdown}")
        self.profile = profile
        self.slowdown = slowdown
        self._between = profile.between(asynchronous).seconds
        self._hidden = profile.hidden(asynchronous).seconds
        scale = slowdown * 1e-3
        linear, heads = profile.linear, profile.per_sequence
        self._linear_s = expand_steps(
            linear.tokens,
            [ms * scale for ms in linear.ms],
            max(LARGEST_BATCH_TOKENS, 2 * linear.tokens[-1]),
        )
        # The constant rides along: every batch has at least one sequence.
        self._sequence_s = expand_steps(
            heads.sequences,
            [(ms + profile.constant_ms) * scale for ms in heads.ms],
            max(LARGEST_BATCH_SEQUENCES, 2 * heads.sequences[-1]),
        )
        self._attention: TableAttentionTimer | FormulaAttentionTimer
        if isinstance(profile.attention, TableAttention):
            self._attention = TableAttentionTimer(profile.attention, slowdown)
            unequal, layers = profile.attention.unequal, profile.attention.layers
            self._unequal = UnequalContextsTimer(unequal, layers, slowdown) if unequal else None
        else:
            self._attention = FormulaAttentionTimer(profile.attention, slowdown)
            self._unequal = None
        self.needs_spread = self._unequal is not None

    def batch_time_s(
        self,
        num_decodes: int,
        decode_context_tokens: int,
        prefills: Sequence[tuple[int, int]],
        spread: Spread | None = None,
        draft_tokens: int = 0,
    ) -> float:
        """GPU time of one batch, seconds.

        Drafted tokens that decodes verify pass through the linear layers and the output head as
        other tokens do. Attention reads a decode's KV once for all of them, and that is what it
        takes: their query-key pairs are hidden under it, up to some dozen tokens a decode.

        Args:
            num_decodes: requests that generate a token.
            decode_context_tokens: KV tokens they read, all together.
            prefills: prompt chunks: (tokens, KV tokens before them).
            spread: of their contexts; None: all are equal.
            draft_tokens: that they verify, beside one token each.

        Returns:
            0 for an empty batch.
        """
        tokens = num_decodes + draft_tokens
        if prefills:
            for chunk, _ in prefills:
                tokens += chunk
            if num_decodes:
                time = self._attention.mixed_s(num_decodes, decode_context_tokens, prefills)
            else:
                time = self._attention.prefill_s(prefills)
        elif num_decodes:
            time = self._attention.decode_s(num_decodes, decode_context_tokens)
        else:
            return 0.0
        if spread is not None and num_decodes and self._unequal is not None:
            time += self._unequal.extra_s(num_decodes, decode_context_tokens, prefills, spread)
        sequences = num_decodes + draft_tokens + len(prefills)
        try:
            return time + self._linear_s[tokens] + self._sequence_s[sequences]
        except IndexError:
            return time + self.linear_s(tokens) + self.sequences_s(sequences)

    def between_s(self, num_sequences: int) -> float:
        """Time from the end of a batch to the start of the next that is not the GPU's (scheduling,
        preparing, detokenizing).

        Args:
            num_sequences: of the batch: decodes and prompt chunks.
        """
        step_s, sequence_s = self._between
        return step_s + sequence_s * num_sequences

    def hidden_s(self, num_sequences: int) -> float:
        """What a step takes the host before the GPU has it, while the one before may run; 0 where
        batches are not decided ahead.

        Args:
            num_sequences: of the batch: decodes and prompt chunks.
        """
        step_s, sequence_s = self._hidden
        return step_s + sequence_s * num_sequences

    @property
    def attention(self) -> TableAttentionTimer | FormulaAttentionTimer:
        """What times the attention layers."""
        return self._attention

    def linear_s(self, tokens: int) -> float:
        """Linear layers' share of a batch of so many tokens."""
        if tokens < len(self._linear_s):
            return self._linear_s[tokens]
        return beyond(self._linear_s, tokens, period(self.profile.linear.tokens))

    def sequences_s(self, sequences: int) -> float:
        """Output head's and sampler's share (and the constant's) for so many sequences."""
        if sequences < len(self._sequence_s):
            return self._sequence_s[sequences]
        return beyond(self._sequence_s, sequences, period(self.profile.per_sequence.sequences))

    def outside_regime(
        self, num_decodes: int, decode_context_tokens: int, prefills: Sequence[tuple[int, int]]
    ) -> tuple[Excess, ...]:
        """In what a batch goes beyond what its profile was measured for; empty: in nothing.

        Arguments as ``batch_time_s``.
        """
        regime = self.profile.regime
        tokens = num_decodes + sum(chunk for chunk, _ in prefills)
        mean_context = -(-decode_context_tokens // num_decodes) if num_decodes else 0
        history = max((history for _, history in prefills), default=0)
        decodes = (
            Excess("decodes beside a prefill", num_decodes, regime.mixed_decodes)
            if prefills
            else Excess("decodes in a batch", num_decodes, regime.decodes)
        )
        sizes = (
            Excess("tokens in a batch", tokens, regime.batch_tokens),
            decodes,
            Excess("mean context of decodes", mean_context, regime.context_tokens),
            Excess("tokens before a chunk", history, regime.context_tokens),
        )
        return tuple(size for size in sizes if size.value > size.measured)


def expand_steps(sizes: Sequence[int], times: Sequence[float], largest: int) -> list[float]:
    """Time of every size from 0 to ``largest`` (index = size; 0 takes no time).

    Between two measured sizes the upper one's time holds. A matrix multiplication works in tiles of
    16 to 256 rows and does the last tile whole, so that time is flat within a tile and jumps at its
    edge; edges are multiples of 8, as are the measured sizes, so every size between two of them
    fills as many tiles as the upper one. Every second measured row predicted from the others: 0.5 %
    and 0.3 % off (RTX 4090, RTX PRO 6000), against 1.3 % and 1.2 % for straight lines; on coarser
    tables (A100, H100) as good on average, with about half the worst error (benchmarks/profiles).

    Beyond the last measured size the staircase's last half (``period``) repeats.

    Args:
        sizes: measured sizes, increasing, at least two.
        times: their times.
        largest: last size wanted.
    """
    length = period(sizes)
    rise = max(0.0, times[-1] - times[sizes.index(sizes[-1] - length)])
    out = [0.0]
    place = 0
    for size in range(1, largest + 1):
        if size > sizes[-1]:
            out.append(out[size - length] + rise)
            continue
        if size > sizes[place]:
            place += 1
        out.append(times[place])
    return out


def period(sizes: Sequence[int]) -> int:
    """Length of the part that repeats: from the measured size below half the last on."""
    return sizes[-1] - sizes[max(0, bisect_right(sizes, sizes[-1] // 2) - 1)]


def beyond(table: Sequence[float], size: int, length: int) -> float:
    """What ``expand_steps`` would say of a size past the end of the list it gave.

    Args:
        table: its list, at least a period longer than the measured sizes.
        length: their period.
    """
    last = len(table) - 1
    turns = -(-(size - last) // length)
    return table[size - turns * length] + turns * (table[last] - table[last - length])
