"""Lower bounds of measured attention: straight lines and planes that no interpolated time is below.

An interpolation that is straight in each variable is nowhere below what is straight in each and
below it at the corners of every cell; so it is enough to look at corners.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from slaibench.costmodel.table_attention import TableAttentionTimer

FloatArray = npt.NDArray[np.float64]


def chunk_table(
    timer: TableAttentionTimer, longest: int, pairs_per_token: float
) -> tuple[float, float]:
    """The best (a, b) with ``launch + a * pairs + b * tokens`` at most the time of any chunks.

    It holds for one chunk: checked for every length and, as either end of ``chunk_range_s`` is
    straight in history, at the measured histories and the longest. It holds for several, since
    pairs and tokens add up, whether the timer takes them in turn or merged into one of as many
    tokens and no fewer pairs; and for a chunk beyond the largest measured, which is timed as
    several.

    Args:
        longest: tokens before a chunk, at most.
        pairs_per_token: how much a pair counts against a token when the best is chosen.
    """
    from scipy.optimize import linprog  # noqa: PLC0415  (loads slowly, and only bounds need it)

    chunks = np.arange(1, timer.tables.prefill_chunk[-1] + 1)
    histories = _places(timer.tables.prefill_history, longest)
    least = np.array([[timer.chunk_range_s(c, h)[0] for h in histories] for c in chunks.tolist()])
    pairs = chunks[:, None] * (np.array(histories)[None, :] + chunks[:, None] / 2)
    # Per token, so that all rows are of the same size.
    over = ((least - timer.launch_s) / chunks[:, None]).ravel()
    rows = np.stack([(pairs / chunks[:, None]).ravel(), np.ones(over.size)], axis=1)
    solution = linprog(
        [-pairs_per_token, -1.0], A_ub=rows * 1e3, b_ub=over * 1e3, bounds=[(0, None), (None, None)]
    )
    # Any pair_s of at least 0 will do, since the other follows from it here.
    pair_s = max(float(solution.x[0]), 0.0) if solution.x is not None else 0.0
    return pair_s, float((over - pair_s * rows[:, 0]).min())


def beside_table(timer: TableAttentionTimer, contexts: FloatArray, longest: int) -> FloatArray:
    """What n decodes of mean context m add at least to any chunks of their batch: n x places.

    The timer's mixed time less its time of the same (merged) chunk alone; several chunks differ by
    the same in both. The least over all chunks and histories at the corners of the mixed table;
    between these, a weighted mean of them is below.

    Args:
        contexts: decodes x places, as ``BatchFloor.contexts``.
        longest: tokens before a chunk, at most.
    """
    tables = timer.tables
    if not tables.mixed_us:
        return by_count(timer.decode_s, contexts)
    most_decodes, most_context = len(contexts) - 1, int(np.ceil(contexts.max()))
    counts = _places(tables.mixed_sequences, max(most_decodes, 1), least=1)
    places = _places(tables.mixed_context, max(most_context, 1), least=1)
    histories = sorted(
        {*_places(tables.mixed_history, longest), *_places(tables.prefill_history, longest)}
    )
    chunks = np.arange(1, tables.prefill_chunk[-1] + 1)
    alone = np.array([[timer.chunk_range_s(c, h)[1] for h in histories] for c in chunks.tolist()])
    ends = sorted({1, *tables.mixed_chunk, int(chunks[-1])})
    ends = [c for c in ends if c <= chunks[-1]]
    least = np.empty((len(counts), len(places)))
    for (i, n), (j, m) in product(enumerate(counts), enumerate(places)):
        least[i, j] = min(
            float(
                (
                    np.interp(chunks, ends, [timer.mixed_s(n, n * m, [(c, h)]) for c in ends])
                    - alone[:, k]
                ).min()
            )
            for k, h in enumerate(histories)
        )
    rows = np.arange(most_decodes + 1)
    by_counts = np.array([np.interp(rows, counts, column) for column in least.T])  # places x rows
    out = np.zeros_like(contexts)
    for n in rows[1:].tolist():
        out[n] = np.interp(contexts[n], places, by_counts[:, n])
    return out


def by_count(time_s: Callable[[int, Any], float], contexts: FloatArray) -> FloatArray:
    """Times of n decodes with a mean context of m each; 0 for none."""
    times_s = np.zeros_like(contexts)
    for n in range(1, len(contexts)):
        times_s[n] = [time_s(n, n * m) for m in contexts[n].tolist()]
    return times_s


def _places(measured: tuple[int, ...], last: int, *, least: int = 0) -> list[int]:
    """Measured places up to ``last``, and both ends; beyond the last, the last cell goes on."""
    return sorted({least, last, *(value for value in measured if least <= value <= last)})
