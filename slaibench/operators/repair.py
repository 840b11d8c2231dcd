"""What measured operators cannot be: faster than memory allows, or less work taking longer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.operators.aiconfigurator import Memory
from slaibench.operators.measured import SEQUENCES, FloatArray, Measured


@dataclass(frozen=True, slots=True)
class Repair:
    """What was changed of one table.

    Args:
        what: the table, as a reader would call it.
        share: of its values.
        largest: factor by which a value was changed, at most.
        why: what it was against.
    """

    what: str
    share: float
    largest: float
    why: str

    @property
    def words(self) -> str:
        """A sentence for a profile's notes."""
        return (
            f"{self.what}: {self.share:.0%} of the values were {self.why}, and were changed, by a "
            f"factor of {self.largest:.2f} at most."
        )


@dataclass(frozen=True, slots=True)
class Repaired:
    """The tables of ``Measured`` as they can be, milliseconds of one GPU in all layers."""

    token_ms: FloatArray
    logits_ms: FloatArray
    decode_ms: FloatArray
    chunk_ms: FloatArray
    repairs: tuple[Repair, ...]


def repaired(measured: Measured, memory: Memory, products_ms: FloatArray) -> Repaired:
    """Times that never fall where there is more work, and are at least what memory takes.

    Tokens and logits take at most what more of them do, since a batch can be filled up. (On the
    fitted half of the board's published runs this comes nearer than the nearest rising row does:
    Llama-3.1-70B in FP8 on four B200 is 3 % off, where that is 13 %.)

    Attention is raised to its bounds: reading the keys and values once, and for a chunk what it
    takes without a history and what one decode takes at the same place. The library scales a
    chunk's attention with its length alone, so that short chunks after a long history come out
    faster than memory can be read.

    Args:
        products_ms: what a batch's products take at the peak of the tensor cores, by its tokens.

    Raises:
        ValueError: times are absent.
    """
    peak = measured.operators.peak_bytes_per_s
    token_ms, logits_ms = measured.token_ms(), measured.logits_ms()
    decode_ms, chunk_ms = measured.decode_ms(), measured.chunk_ms()
    for what, values in (("tokens", token_ms), ("the output head", logits_ms)):
        if not (np.isfinite(values) & (values > 0)).all():
            raise ValueError(f"it has no times of {what} in this number format")
    read_ms = memory.kv_bytes_per_token / peak * 1e3

    rising_token = _rising(token_ms)
    repairs = [_repair("Token operators", token_ms, rising_token, "falling with tokens")]
    floored = np.maximum(rising_token, products_ms)
    repairs.append(
        _repair("Token operators", rising_token, floored, "above the tensor cores' peak")
    )
    rising_token = floored
    least = memory.weight_bytes / peak * 1e3
    if not measured.experts and rising_token[0] < least:
        floored = np.maximum(rising_token, least - logits_ms[0])
        repairs.append(
            _repair("Token operators", rising_token, floored, "faster than the weights are read")
        )
        rising_token = floored
    rising_logits = _rising(logits_ms)
    repairs.append(_repair("The output head", logits_ms, rising_logits, "falling with sequences"))

    places = np.outer(SEQUENCES, measured.contexts) * read_ms * measured.full_attention
    floor = np.maximum(decode_ms, places)
    repairs.append(_repair("Attention of decodes", decode_ms, floor, "faster than memory"))
    rising = np.maximum.accumulate(np.maximum.accumulate(floor, axis=0), axis=1)
    repairs.append(_repair("Attention of decodes", floor, rising, "falling with more work"))

    alone = rising[0]  # one decode, by context
    history = np.array(measured.histories)[None, :] + np.array(measured.chunks)[:, None]
    bound = np.maximum(chunk_ms[:, :1], np.interp(history, measured.contexts, alone))
    bound[:, 0] = chunk_ms[:, 0]
    floor = np.maximum(chunk_ms, bound)
    repairs.append(_repair("Attention of chunks", chunk_ms, floor, "below what a decode takes"))
    rising_chunk = np.maximum.accumulate(np.maximum.accumulate(floor, axis=0), axis=1)
    repairs.append(_repair("Attention of chunks", floor, rising_chunk, "falling with more work"))
    return Repaired(
        rising_token,
        rising_logits,
        rising,
        rising_chunk,
        tuple(repair for repair in repairs if repair.share),
    )


def _rising(values: FloatArray) -> FloatArray:
    """The largest rising row that is nowhere above: a batch may be filled up to a larger one."""
    filled: FloatArray = np.minimum.accumulate(values[::-1])[::-1]
    return filled


def _repair(what: str, before: FloatArray, after: FloatArray, why: str) -> Repair:
    changed = ~np.isclose(before, after, rtol=1e-3, atol=0.0)
    factors = np.maximum(after / before, before / after)
    return Repair(what, float(changed.mean()), float(factors.max()), why)
