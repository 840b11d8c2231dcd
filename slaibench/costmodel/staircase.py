"""Batch times from a handful of numbers: the models that scheduling theory is proved for."""

from __future__ import annotations

from collections.abc import Sequence

from slaibench.costmodel.unequal_contexts import Spread


class StaircaseCostModel:
    """``constant + t_lin * ceil(tokens / t_col) + per_token * tokens + attention``.

    Without ``constant_s`` this is eq. 7 of Bari, Hegde and de Veciana, "Optimal Scheduling
    Algorithms for LLM Inference" (2025), but for its attention: of that we know only that eq. 7
    adds a term for each prefill and each decode of the batch. The terms here are ours:

    - a chunk costs ``prefill_attention_s * prefill_pairs``: pairs of a query and a KV token that
      come before or with it, in tiles that are always computed whole (``prefill_pairs``);
    - a decode costs ``decode_attention_s`` for each KV token that it reads, in no tiles.

    Without attention and ``per_token_s`` it is ``c + a * ceil(tokens / b0)`` of Li, Dai and Peng,
    "Throughput-Optimal Scheduling Algorithms for LLM Inference and AI Agents" (2025).

    Args:
        t_lin_s: linear layers' time of one tile column.
        t_col_tokens: tokens in a tile column.
        per_token_s: what each token costs beside (the paper's 1 / mu).
        constant_s: what each batch costs beside.
        decode_attention_s: of a decode, for each KV token it reads.
        prefill_attention_s: of a prompt chunk, for each of its ``prefill_pairs``.
        attention_tile_tokens: queries, and KV tokens, of a tile of a chunk's attention; 1: no
            padding; None: ``t_col_tokens``.
        step_overhead_s: time between batches that is not the GPU's.
        slowdown: factor on the batch time; the attributes of these names hold it already.
    """

    needs_spread = False

    def __init__(
        self,
        *,
        t_lin_s: float,
        t_col_tokens: int,
        per_token_s: float = 0.0,
        constant_s: float = 0.0,
        decode_attention_s: float = 0.0,
        prefill_attention_s: float = 0.0,
        attention_tile_tokens: int | None = None,
        step_overhead_s: float = 0.0,
        slowdown: float = 1.0,
    ) -> None:
        for name, value in (
            ("t_lin_s", t_lin_s),
            ("per_token_s", per_token_s),
            ("constant_s", constant_s),
            ("decode_attention_s", decode_attention_s),
            ("prefill_attention_s", prefill_attention_s),
            ("step_overhead_s", step_overhead_s),
        ):
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, but is {value}")
        if attention_tile_tokens is None:
            attention_tile_tokens = t_col_tokens
        for name, tokens in (
            ("t_col_tokens", t_col_tokens),
            ("attention_tile_tokens", attention_tile_tokens),
        ):
            if tokens < 1:
                raise ValueError(f"{name} must be at least 1, not {tokens}")
        if not slowdown > 0:
            raise ValueError(f"slowdown must be positive, not {slowdown}")
        self.step_overhead_s = step_overhead_s
        self.t_lin_s = t_lin_s * slowdown
        self.t_col_tokens = t_col_tokens
        self.per_token_s = per_token_s * slowdown
        self.constant_s = constant_s * slowdown
        self.decode_attention_s = decode_attention_s * slowdown
        self.prefill_attention_s = prefill_attention_s * slowdown
        self.attention_tile_tokens = attention_tile_tokens

    def batch_time_s(
        self,
        num_decodes: int,
        decode_context_tokens: int,
        prefills: Sequence[tuple[int, int]],
        spread: Spread | None = None,
        draft_tokens: int = 0,
    ) -> float:
        """GPU time of one batch, seconds; arguments as ``CostModel.batch_time_s``.

        How unequal contexts are makes no difference here.
        """
        tokens = num_decodes + draft_tokens
        pairs = 0
        for chunk, history in prefills:
            tokens += chunk
            pairs += self.prefill_pairs(chunk, history)
        if not tokens:
            return 0.0
        return (
            self.constant_s
            + self.t_lin_s * -(-tokens // self.t_col_tokens)
            + self.per_token_s * tokens
            + self.decode_attention_s * decode_context_tokens
            + self.prefill_attention_s * pairs
        )

    def between_s(self, num_sequences: int) -> float:
        """Time between batches that is not the GPU's: ``step_overhead_s``, whatever the batch."""
        return self.step_overhead_s

    def hidden_s(self, num_sequences: int) -> float:
        """Nothing: no batch is decided ahead."""
        return 0.0

    def prefill_pairs(self, chunk: int, history: int) -> int:
        """Pairs that the attention of one chunk computes, padding included.

        The chunk's queries lie in tiles of ``attention_tile_tokens`` from its first token on, the
        last of them filled up. A tile of queries meets the KV tokens up to its own last query, in
        whole tiles. With tiles of one token: ``chunk * history + chunk * (chunk + 1) / 2``.

        Args:
            chunk: its tokens.
            history: KV tokens before them.
        """
        tile = self.attention_tile_tokens
        queries = -(-chunk // tile)
        before = -(-history // tile)
        last = -(-(history + chunk) // tile)
        inner = queries - 1
        return tile * tile * (inner * before + inner * queries // 2 + last) if chunk else 0
