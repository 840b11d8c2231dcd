"""The measured tables and fitted numbers a profile is made of. GPU time only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from slaibench.catalog.fields import Fields


@dataclass(frozen=True, slots=True)
class TokenTable:
    """Time of a whole batch's linear layers (and norms, activations, embedding), all layers.

    Args:
        tokens: batch sizes that were measured, increasing.
        ms: their times.
    """

    tokens: tuple[int, ...]
    ms: tuple[float, ...]

    @classmethod
    def parse(cls, fields: Fields) -> TokenTable:
        """From an object in a file; raises CatalogError as ``Fields`` does."""
        tokens = fields.axis("tokens")
        table = cls(tokens, fields.numbers("ms", len(tokens)))
        fields.done()
        return table


@dataclass(frozen=True, slots=True)
class SequenceTable:
    """Time of what runs once a sequence: output head and sampler.

    Args:
        sequences: sequences in the batch (decodes and prefill chunks), increasing.
        ms: their times.
    """

    sequences: tuple[int, ...]
    ms: tuple[float, ...]

    @classmethod
    def parse(cls, fields: Fields) -> SequenceTable:
        """From an object in a file; raises CatalogError as ``Fields`` does."""
        sequences = fields.axis("sequences")
        table = cls(sequences, fields.numbers("ms", len(sequences)))
        fields.done()
        return table


@dataclass(frozen=True, slots=True)
class UnequalContexts:
    """What decodes of unequal context cost beside the time of as many of their mean context.

    A kernel gives each sequence (and head) to one multiprocessor once there are enough of them,
    and ends with the longest. The extra time of one layer is a number of nanoseconds, by the number
    of decodes, for each KV token by which the longest context exceeds the mean weighted by length
    (squares over sum: the context that a KV token read belongs to); beside prompt chunks, by which
    it exceeds that and every chunk's history, since a tile of a chunk takes as long for a KV token
    as a decode does.

    Straight between the measured numbers of decodes, constant beyond them; never negative.

    Args:
        decode_sequences: numbers of decodes of batches without chunks, increasing.
        decode_ns: their nanoseconds for a KV token.
        mixed_sequences, mixed_ns: the same beside chunks.
    """

    decode_sequences: tuple[int, ...]
    decode_ns: tuple[float, ...]
    mixed_sequences: tuple[int, ...]
    mixed_ns: tuple[float, ...]

    @classmethod
    def parse(cls, fields: Fields) -> UnequalContexts:
        """From an object in a file; raises CatalogError as ``Fields`` does."""
        decode, mixed = fields.inner("decode"), fields.inner("mixed")
        sequences, beside = decode.axis("sequences"), mixed.axis("sequences")
        contexts = cls(
            decode_sequences=sequences,
            decode_ns=decode.numbers("ns_per_token", len(sequences), positive=False),
            mixed_sequences=beside,
            mixed_ns=mixed.numbers("ns_per_token", len(beside), positive=False),
        )
        for part in (fields, decode, mixed):
            part.done()
        return contexts


@dataclass(frozen=True, slots=True)
class TableAttention:
    """Attention as measured, microseconds of one layer, every decode of a batch of equal context.

    A kernel works off a prompt chunk in tiles of ``row_tile`` tokens a head, ``wave_tokens`` tokens
    at a time (``row_tile`` * multiprocessors / heads): against a long history its time goes in
    steps.

    Args:
        layers: attention layers of the model.
        decode_us: batches of decodes only, ``decode_sequences`` x ``decode_context`` (KV tokens of
            each sequence), row by row.
        prefill_us: one chunk only, ``prefill_chunk`` x ``prefill_history`` (KV tokens before it).
        mixed_us: one chunk and decodes in one kernel, ``mixed_chunk`` x ``mixed_history`` x
            ``mixed_sequences`` x ``mixed_context``. Empty, as its axes: chunks and decodes are two
            kernels, one after the other.
        unequal: what unequal contexts cost beside; None: not measured, taken as nothing.
    """

    layers: int
    row_tile: int
    wave_tokens: int
    decode_sequences: tuple[int, ...]
    decode_context: tuple[int, ...]
    decode_us: tuple[float, ...]
    prefill_chunk: tuple[int, ...]
    prefill_history: tuple[int, ...]
    prefill_us: tuple[float, ...]
    mixed_chunk: tuple[int, ...] = ()
    mixed_history: tuple[int, ...] = ()
    mixed_sequences: tuple[int, ...] = ()
    mixed_context: tuple[int, ...] = ()
    mixed_us: tuple[float, ...] = ()
    unequal: UnequalContexts | None = None

    @classmethod
    def parse(cls, fields: Fields) -> TableAttention:
        """From an object in a file; raises CatalogError as ``Fields`` does."""
        unequal, beside = fields.mapping("unequal"), fields.mapping("mixed")
        decode, prefill = fields.inner("decode"), fields.inner("prefill")
        sequences, context = decode.axis("sequences"), decode.axis("context")
        chunk, history = prefill.axis("chunk"), prefill.axis("history", at_least=0)
        mixed = Fields(beside, f"{fields.where}, mixed") if beside else None
        table = cls(
            layers=fields.whole("layers"),
            row_tile=fields.whole("row_tile"),
            wave_tokens=fields.whole("wave_tokens"),
            decode_sequences=sequences,
            decode_context=context,
            decode_us=decode.numbers("us", len(sequences) * len(context)),
            prefill_chunk=chunk,
            prefill_history=history,
            prefill_us=prefill.numbers("us", len(chunk) * len(history)),
            **(_mixed(mixed) if mixed is not None else {}),
            unequal=UnequalContexts.parse(Fields(unequal, f"{fields.where}, unequal"))
            if unequal
            else None,
        )
        for part in (fields, decode, prefill, mixed):
            if part is not None:
                part.done()
        return table


def _mixed(fields: Fields) -> dict[str, Any]:
    """The axes and times of chunks and decodes in one kernel."""
    axes = {
        "mixed_chunk": fields.axis("chunk"),
        "mixed_history": fields.axis("history", at_least=0),
        "mixed_sequences": fields.axis("sequences"),
        "mixed_context": fields.axis("context"),
    }
    size = math.prod(len(axis) for axis in axes.values())
    return {**axes, "mixed_us": fields.numbers("us", size)}


@dataclass(frozen=True, slots=True)
class DecodeFactors:
    """How the time of a KV token that decodes read goes with how many decode, at what context.

    Kernels spread decodes over a GPU well or badly, depending on how many there are. Straight
    between the measured places, constant beyond them.

    Args:
        sequences: numbers of decodes, increasing.
        context: their mean contexts, increasing.
        decode, mixed: factors on the time at ``kv_bandwidth``, of batches without and with chunks:
            ``sequences`` x ``context``, row by row.
    """

    sequences: tuple[int, ...]
    context: tuple[int, ...]
    decode: tuple[float, ...]
    mixed: tuple[float, ...]

    @classmethod
    def parse(cls, fields: Fields) -> DecodeFactors:
        """From an object in a file; raises CatalogError as ``Fields`` does."""
        sequences, context = fields.axis("sequences"), fields.axis("context")
        size = len(sequences) * len(context)
        factors = cls(
            sequences, context, fields.numbers("decode", size), fields.numbers("mixed", size)
        )
        fields.done()
        return factors


@dataclass(frozen=True, slots=True)
class FormulaAttention:
    """Attention from a bandwidth and a rate, where no table was measured.

    A layer's decodes take ``decode_launch + KV bytes / bandwidth``; beside a prompt chunk, which
    has the launch already, ``mixed_decode_factor * KV bytes / bandwidth``. A chunk of c tokens
    after h takes ``prefill_launch + 4 * hidden * (c' * h + s * c * c) / rate``, where c' is c
    rounded up to whole waves (see ``TableAttention``) and s, the ``own_share``, what the chunk's
    attention to itself costs as a share of a full square.

    Args:
        layers: attention layers of the model.
        hidden: query heads * head size.
        kv_bytes_per_token: of all layers.
        kv_bandwidth_gbps: effective bandwidth of reading the cache, 1e9 bytes a second.
        prefill_tflops: effective rate of prompt attention.
        decode_launch_us, prefill_launch_us: least time of the kernel, one layer.
        by_decodes: further factors on reading the cache, by the number of decodes; None: none.
    """

    layers: int
    hidden: int
    kv_bytes_per_token: int
    kv_bandwidth_gbps: float
    prefill_tflops: float
    decode_launch_us: float
    prefill_launch_us: float
    own_share: float
    mixed_decode_factor: float
    row_tile: int
    wave_tokens: int
    by_decodes: DecodeFactors | None = None

    @classmethod
    def parse(cls, fields: Fields) -> FormulaAttention:
        """From an object in a file; raises CatalogError as ``Fields`` does."""
        by_decodes = fields.mapping("by_decodes")
        formula = cls(
            layers=fields.whole("layers"),
            hidden=fields.whole("hidden"),
            kv_bytes_per_token=fields.whole("kv_bytes_per_token"),
            kv_bandwidth_gbps=fields.number("kv_bandwidth_gbps"),
            prefill_tflops=fields.number("prefill_tflops"),
            decode_launch_us=fields.number("decode_launch_us", positive=False),
            prefill_launch_us=fields.number("prefill_launch_us", positive=False),
            own_share=fields.number("own_share"),
            mixed_decode_factor=fields.number("mixed_decode_factor"),
            row_tile=fields.whole("row_tile"),
            wave_tokens=fields.whole("wave_tokens"),
            by_decodes=DecodeFactors.parse(Fields(by_decodes, f"{fields.where}, by_decodes"))
            if by_decodes
            else None,
        )
        fields.done()
        return formula


Attention = TableAttention | FormulaAttention
