"""What a prompt costs at least: its share of the machine's time, and its time on an idle one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slaibench.costmodel.floor import BatchFloor

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PromptFloor:
    """Least times of prompts, seconds; an entry a prompt.

    Args:
        work_s: the part of the time of the batches with its chunks that is due to it, however it
            is cut and whoever shares those batches. Parts of different prompts do not overlap.
        alone_s: the sum of those batches' times when it is alone in them, cut in the best way.
    """

    work_s: FloatArray
    alone_s: FloatArray


def prompt_floor(floor: BatchFloor, prompt_tokens: npt.NDArray[np.int64]) -> PromptFloor:
    """Least times of prompts under any scheduler.

    A batch of b tokens takes at least ``fixed + tokens_s[b]`` and what its pairs of tokens take.
    The first part is spread over its b tokens; the best b is each token's least share.

    Args:
        floor: of batches of as many tokens as any scheduler may put together.

    Raises:
        ValueError: a prompt without tokens.
    """
    if len(prompt_tokens) and prompt_tokens.min() < 1:
        raise ValueError(f"a prompt has at least 1 token, not {prompt_tokens.min()}")
    longest = int(prompt_tokens.max(initial=1))
    fixed_s = floor.step_s + float(floor.sequences_s[1]) + floor.launch_s
    batch_s = fixed_s + floor.tokens_s
    share_s = float((batch_s[1:] / np.arange(1, len(batch_s))).min()) + floor.chunk_token_s
    # The pairs of a prompt of p tokens add up to p * p / 2, however it is cut.
    pairs_s = floor.pair_s * prompt_tokens.astype(np.float64) ** 2 / 2
    alone_s = _best_cut(batch_s[: longest + 1], longest) + floor.chunk_token_s * np.arange(
        longest + 1
    )
    return PromptFloor(share_s * prompt_tokens + pairs_s, alone_s[prompt_tokens] + pairs_s)


def _best_cut(batch_s: FloatArray, longest: int) -> FloatArray:
    """The least sum of batches' times over all ways to cut 0 .. ``longest`` tokens."""
    best = np.zeros(longest + 1)
    largest = len(batch_s) - 1
    for tokens in range(1, longest + 1):
        chunk = min(tokens, largest)
        best[tokens] = (batch_s[1 : chunk + 1] + best[tokens - chunk : tokens][::-1]).min()
    return best
