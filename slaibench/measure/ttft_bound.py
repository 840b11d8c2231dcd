"""The least TTFT percentile that any scheduler can reach, one that knows the future among them.

What is relaxed: decodes are free, KV memory is endless, and a batch may be cut at any moment. What
is kept: a prompt is not begun before its request is due, and batches do not overlap. So each
request asks for some time of the machine that no other request can share (``work_s``), between
when it is due and its first token, and that time has an end to end length of its own (``alone_s``).

Who has a first token within x of being due then is a set of jobs with release times and deadlines
on one machine. All windows are equally long, so deadlines come in the order of releases: serving
in that order meets all deadlines of a set that can be met at all (earliest deadline first, which
here never interrupts). The largest such set is found exactly, by a recursion over requests in the
order they are due: the earliest time at which k of the first j can be done in time (Kise, Ibaraki,
Mine, Operations Research 26(1), 1978, treat the same problem).
"""

from __future__ import annotations

import math

import numpy as np

from slaibench.recording.record import FloatArray

RESOLUTION_S = 1e-5


def most_on_time(
    due_s: FloatArray, work_s: FloatArray, alone_s: FloatArray, within_s: float
) -> int:
    """The most requests that can have their first token so long after they are due.

    Args:
        due_s: ascending.
        work_s: time of the machine that each asks for.
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
