"""What any batch costs at least, taken apart so that the best batch can be found part by part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.costmodel.cost_model import CostModel
from slaibench.costmodel.formula_attention import FormulaAttentionTimer
from slaibench.costmodel.staircase import StaircaseCostModel
from slaibench.costmodel.table_attention import TableAttentionTimer
from slaibench.costmodel.table_floor import FloatArray, beside_table, by_count, chunk_table


@dataclass(frozen=True, slots=True)
class Room:
    """What no batch exceeds.

    Args:
        batch_tokens: tokens of a batch.
        decodes: decodes of a batch.
        cache_tokens: KV tokens that all decodes of a batch read, together.
        context_tokens: KV tokens of one request.
    """

    batch_tokens: int
    decodes: int
    cache_tokens: int
    context_tokens: int

    def __post_init__(self) -> None:
        for name in ("batch_tokens", "decodes", "cache_tokens", "context_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class BatchFloor:
    """A lower bound of every batch's time, step overhead included, as a sum of parts.

    A batch of b tokens, n of them decodes with a mean context of m, the rest prompt chunks
    (tokens, history), takes at least ``step_s + tokens_s[b] + sequences_s[n (+ 1 with chunks)]``
    and, without chunks, ``decode_s`` at (n, m); with chunks ``launch_s + beside_s`` at (n, m)
    ``+ pair_s * sum of chunk * (history + chunk / 2) + chunk_token_s * sum of chunk``. What is
    given at the places ``contexts[n]`` is straight between them, so its least value (less anything
    straight) is at one of them. The pairs of a prompt of p tokens add up to p * p / 2, however it
    is cut.

    Args:
        tokens_s: by tokens of the batch; 0 .. ``Room.batch_tokens``.
        sequences_s: the least of so many sequences or more; 0 .. ``Room.decodes`` + 1.
        contexts: decodes x places: mean contexts, none beyond what the cache holds of n requests.
        decode_s, beside_s: attention of decodes alone, and what they add to that of chunks.
        launch_s: attention of any chunks before they do anything.
        pair_s, chunk_token_s: of a query-key pair and a token of a chunk; the latter may be
            negative.
    """

    step_s: float
    tokens_s: FloatArray
    sequences_s: FloatArray
    contexts: FloatArray
    decode_s: FloatArray
    beside_s: FloatArray
    launch_s: float
    pair_s: float
    chunk_token_s: float

    def batch_s(self, num_decodes: int, context: float, prefills: list[tuple[int, int]]) -> float:
        """The bound for one batch; ``context``: mean KV tokens that a decode reads."""
        chunk = sum(tokens for tokens, _ in prefills)
        time = self.step_s + float(self.tokens_s[num_decodes + chunk])
        time += float(self.sequences_s[num_decodes + bool(prefills)])
        table = self.beside_s if prefills else self.decode_s
        if num_decodes:
            places = self.contexts[num_decodes]
            time += float(np.interp(context, places, table[num_decodes]))
        if prefills:
            pairs = sum(tokens * (history + tokens / 2) for tokens, history in prefills)
            time += self.launch_s + self.pair_s * pairs + self.chunk_token_s * chunk
        return time


def batch_floor(
    model: CostModel | StaircaseCostModel, room: Room, pairs_per_token: float
) -> BatchFloor:
    """The lower bound for a cost model.

    Args:
        pairs_per_token: of the prompts that are to be bounded, mean of p * p / 2 over mean of p:
            decides between equally valid pairs of ``pair_s`` and ``chunk_token_s``.
    """
    tokens = range(room.batch_tokens + 1)
    if isinstance(model, StaircaseCostModel):
        return _staircase(model, room)
    attention = model.attention
    inner = (
        attention.tables.decode_context + attention.tables.mixed_context
        if isinstance(attention, TableAttentionTimer)
        else ()
    )
    contexts = _contexts(room, inner)
    if isinstance(attention, FormulaAttentionTimer):
        decode_s = by_count(attention.decode_floor_s, contexts)
        beside_s = by_count(attention.beside_floor_s, contexts)
        pair_s, chunk_token_s = attention.pair_s * attention.least_pair_share, 0.0
    else:
        decode_s = by_count(attention.decode_s, contexts)
        beside_s = beside_table(attention, contexts, room.context_tokens)
        pair_s, chunk_token_s = chunk_table(attention, room.context_tokens, pairs_per_token)
    return BatchFloor(
        step_s=model.between_s(0),
        tokens_s=np.array([model.linear_s(b) for b in tokens]),
        sequences_s=_sequences(model, room.decodes + 1),
        contexts=contexts,
        decode_s=decode_s,
        beside_s=beside_s,
        launch_s=attention.launch_s,
        pair_s=pair_s,
        chunk_token_s=chunk_token_s,
    )


def _staircase(model: StaircaseCostModel, room: Room) -> BatchFloor:
    tokens = np.arange(room.batch_tokens + 1)
    tiles = -(-tokens // model.t_col_tokens)
    contexts = _contexts(room, ())
    read_s = model.decode_attention_s * contexts * np.arange(room.decodes + 1)[:, None]
    return BatchFloor(
        step_s=model.between_s(0) + model.constant_s,
        tokens_s=model.t_lin_s * tiles + model.per_token_s * tokens,
        sequences_s=np.zeros(room.decodes + 2),
        contexts=contexts,
        decode_s=read_s,
        beside_s=read_s,
        launch_s=0.0,
        pair_s=model.prefill_attention_s,
        # Ours are chunk * (history + chunk / 2) pairs. The model's are chunk * tile / 2 more where
        # chunk and history are whole tiles, and never less than that.
        chunk_token_s=model.prefill_attention_s * model.attention_tile_tokens / 2,
    )


def _contexts(room: Room, inner: tuple[int, ...]) -> FloatArray:
    """Places along the mean context, cut where n requests fill the cache."""
    places = sorted({1, room.context_tokens, *inner})
    kept = np.array([m for m in places if m <= room.context_tokens], dtype=np.float64)
    most = room.cache_tokens / np.maximum(np.arange(room.decodes + 1), 1)
    return np.asarray(np.minimum(kept[None, :], np.maximum(most, 1.0)[:, None]))


def _sequences(model: CostModel, most: int) -> FloatArray:
    """What goes with sequences: of the device, and between steps beyond ``step_s``."""
    between_s = model.between_s(0)
    counts = range(most + 1)
    return _least_from(
        np.array([model.sequences_s(s) + (model.between_s(s) - between_s) for s in counts])
    )


def _least_from(values: FloatArray) -> FloatArray:
    """The least of each value and all after it."""
    return np.asarray(np.minimum.accumulate(values[::-1])[::-1])
