"""Batch times from a handful of numbers: the models that scheduling theory is proved for."""

from __future__ import annotations

from collections.abc import Sequence

from slaibench.costmodel.regime import Excess
from slaibench.costmodel.spread import Spread


class StaircaseCostModel:
    """``constant + t_lin * ceil(tokens / t_col) + per_token * tokens + attention``.

    Eq. 7 of Bari, Hegde and de Veciana, "Optimal Scheduling Algorithms for LLM Inference" (2025).
    Without attention and ``per_token_s`` it is ``c + a * ceil(tokens / b0)`` of Li, Dai and Peng,
    "Throughput-Optimal Scheduling Algorithms for LLM Inference and AI Agents" (2025).

    Args:
        t_lin_s: linear layers' time of one tile column.
        t_col_tokens: tokens in a tile column.
        per_token_s: what each token costs beside (the paper's 1 / mu).
        constant_s: what each batch costs beside.
        decode_attention_s: of a decode, for each KV token it reads.
        prefill_attention_s: of a prompt chunk, for each pair of its tokens and a KV token that
            comes before or with it.
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
        if t_col_tokens < 1:
            raise ValueError(f"t_col_tokens must be at least 1, not {t_col_tokens}")
        if not slowdown > 0:
            raise ValueError(f"slowdown must be positive, not {slowdown}")
        self.step_overhead_s = step_overhead_s
        self.t_lin_s = t_lin_s * slowdown
        self.t_col_tokens = t_col_tokens
        self.per_token_s = per_token_s * slowdown
        self.constant_s = constant_s * slowdown
        self.decode_attention_s = decode_attention_s * slowdown
        self.prefill_attention_s = prefill_attention_s * slowdown

    def batch_time_s(
        self,
        num_decodes: int,
        decode_context_tokens: int,
        prefills: Sequence[tuple[int, int]],
        spread: Spread | None = None,
    ) -> float:
        """GPU time of one batch, seconds; arguments as ``CostModel.batch_time_s``.

        How unequal contexts are makes no difference here.
        """
        tokens = num_decodes
        pairs = 0.0
        for chunk, history in prefills:
            tokens += chunk
            pairs += chunk * history + chunk * (chunk + 1) / 2
        if not tokens:
            return 0.0
        return (
            self.constant_s
            + self.t_lin_s * -(-tokens // self.t_col_tokens)
            + self.per_token_s * tokens
            + self.decode_attention_s * decode_context_tokens
            + self.prefill_attention_s * pairs
        )

    def outside_regime(
        self, num_decodes: int, decode_context_tokens: int, prefills: Sequence[tuple[int, int]]
    ) -> tuple[Excess, ...]:
        """Always empty: a formula holds everywhere."""
        return ()
