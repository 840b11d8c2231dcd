"""The least TTFT percentile that any scheduler can reach, one that knows the future among them.

What is relaxed: decodes are free, KV memory is endless, and a batch may be cut at any moment. What
is kept: a prompt is not begun before its request is due, and batches do not overlap. So each
request needs some time of the machine that no other request can share (``work_s``), between when it
is due and its first token, and alone on the machine it takes some time (``alone_s``).

Who has a first token within x of being due then is a set of jobs with release times and deadlines
on one machine. All windows are equally long, so deadlines come in the order of releases: serving
in that order meets all deadlines of a set that can be met at all (earliest deadline first, which
here never interrupts). The largest such set is found exactly, by a recursion over requests in the
order they are due: the earliest time at which k of the first j can be done in time (Kise, Ibaraki,
Mine, Operations Research 26(1), 1978, treat the same problem).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from slaibench.costmodel.floor import BatchFloor
from slaibench.recording.record import FloatArray, IntArray

RESOLUTION_S = 1e-5


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


def most_on_time(
    due_s: FloatArray, work_s: FloatArray, alone_s: FloatArray, within_s: float
) -> int:
    """The most requests that can have their first token so long after they are due.

    Args:
        due_s: ascending.
        work_s: time of the machine that each needs.
        alone_s: its shortest TTFT on an idle machine.
    """
    # done_s[k]: when k of the requests so far can be done, all in time; inf: they cannot.
    done_s = np.full(len(due_s) + 1, math.inf)
    done_s[0] = -math.inf
    most = 0
    for due, work, alone in zip(due_s.tolist(), work_s.tolist(), alone_s.tolist(), strict=True):
        if alone > within_s or work > within_s:
            continue
        ends = np.maximum(done_s[: most + 1], due) + work
        ends[ends > due + within_s] = math.inf
        done_s[1 : most + 2] = np.minimum(done_s[1 : most + 2], ends)
        if done_s[most + 1] < math.inf:
            most += 1
    return most


def least_ttft_s(due_s: FloatArray, work_s: FloatArray, alone_s: FloatArray, level: float) -> float:
    """A lower bound of a TTFT percentile over these requests, whoever schedules them.

    Args:
        due_s, work_s, alone_s: as ``most_on_time``; of the requests whose percentile it is. Others
            may have been served beside them: that only takes time away.
        level: of the percentile, e.g. 0.5. NumPy's percentile lies between two order statistics;
            the bound is of the lower one.

    Raises:
        ValueError: no request, due times that do not ascend, or lengths that differ.
    """
    if not len(due_s) or not len(due_s) == len(work_s) == len(alone_s):
        raise ValueError(
            "a bound needs at least one request, and a due time, work and time alone of each, not "
            f"{len(due_s)}, {len(work_s)} and {len(alone_s)}"
        )
    if (np.diff(due_s) < 0).any():
        raise ValueError("due times must ascend")
    needed = math.floor(level * (len(due_s) - 1)) + 1
    low = float(np.sort(np.maximum(work_s, alone_s))[needed - 1])
    if most_on_time(due_s, work_s, alone_s, low) >= needed:
        return low
    high = 2 * low
    while most_on_time(due_s, work_s, alone_s, high) < needed:
        low, high = high, 2 * high
    while high - low > RESOLUTION_S:
        middle = (low + high) / 2
        if most_on_time(due_s, work_s, alone_s, middle) < needed:
            low = middle
        else:
            high = middle
    return low  # the end that cannot be reached: a bound, however wide the last bracket


def prompt_floor(floor: BatchFloor, prompt_tokens: IntArray) -> PromptFloor:
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
