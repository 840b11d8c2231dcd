"""What requests ask of an engine, whoever schedules them, and what that is worth at prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.recording.record import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Work:
    """Means over requests. A request of p prompt and o output tokens is prefilled over p tokens,
    which yields the first output token, and decodes o - 1 times, reading p + 1 .. p + o - 1 KV
    tokens.

    Args:
        prefill_tokens: prompt tokens.
        prefill_pairs: p * p / 2, the query-key pairs of its prefill however it is cut.
        decodes: output tokens less the first.
        context_tokens: KV tokens read, over all its decodes.
        context_blocks: KV blocks held, over all its decodes.
        longest: most KV tokens that any request may hold.
        block_size: tokens in a KV block.
    """

    prefill_tokens: float
    prefill_pairs: float
    decodes: float
    context_tokens: float
    context_blocks: float
    longest: int
    block_size: int


@dataclass(frozen=True, slots=True)
class Prices:
    """Seconds that a unit of work is worth: no batch does more work than the time it takes.

    Args:
        prefill_token_s, pair_s: of a prompt's token and of its p * p / 2 pairs.
        decode_s, context_s, block_s: of a decode, of a KV token that it reads and of a KV block
            that its request holds meanwhile.
    """

    prefill_token_s: float
    pair_s: float
    decode_s: float
    context_s: float
    block_s: float


def work_of(
    prompt_tokens: IntArray, output_tokens: IntArray, block_size: int, longest: int | None = None
) -> Work:
    """The mean work of requests of these lengths.

    Args:
        longest: most KV tokens of any request that the work stands for; None: of these.

    Raises:
        ValueError: no requests, a length below 1, or one beyond ``longest``.
    """
    prompts, outputs = np.asarray(prompt_tokens), np.asarray(output_tokens)
    if not len(prompts) or min(prompts.min(), outputs.min()) < 1:
        raise ValueError("work needs at least one request, and lengths of at least 1")
    decodes = outputs - 1
    held = prompts + decodes
    most = int(held.max())
    if longest is not None and most > longest:
        raise ValueError(f"longest={longest} is less than a request's {most} KV tokens")
    tokens = prompts.astype(np.float64)
    context = decodes * tokens + decodes * (decodes + 1) / 2
    blocks = _blocks_up_to(held, block_size) - _blocks_up_to(prompts, block_size)
    return Work(
        prefill_tokens=float(tokens.mean()),
        prefill_pairs=float((tokens**2 / 2).mean()),
        decodes=float(decodes.mean()),
        context_tokens=float(context.mean()),
        context_blocks=float(blocks.mean()),
        longest=longest or most,
        block_size=block_size,
    )


def worth_of_prompts(prompt_tokens: IntArray, prices: Prices) -> FloatArray:
    """Seconds that each prefill is worth, by its prompt's length."""
    tokens = prompt_tokens.astype(np.float64)
    return np.asarray(tokens * prices.prefill_token_s + tokens**2 / 2 * prices.pair_s)


def worth_of_decodes(context_tokens: IntArray, block_size: int, prices: Prices) -> FloatArray:
    """Seconds that each decode is worth, by the KV tokens that it reads."""
    blocks = -(-context_tokens // block_size)
    return np.asarray(prices.decode_s + context_tokens * prices.context_s + blocks * prices.block_s)


def _blocks_up_to(tokens: IntArray, block_size: int) -> IntArray:
    """Sum of ceil(i / block_size) over i = 1 .. tokens."""
    whole, rest = np.divmod(tokens, block_size)
    return np.asarray(block_size * whole * (whole + 1) // 2 + rest * (whole + 1))
