"""The capacity bound of a workload on a profile: a rate that no scheduler can serve.

This is ours, for any cost model; the paper's Theorem 1 is in ``theory``. The argument: however the
work is scheduled, the mean time of a request is a sum over batches of their times, and the batches
together do its work. The least such time is a linear program over all batches that there are:

    minimise    sum of x(B) * floor(B)                          seconds a request
    subject to  sum of x(B) * chunk tokens(B)   >= prefill tokens a request
                sum of x(B) * decodes(B)        >= decodes
                sum of x(B) * context tokens(B) >= KV tokens read
                sum of x(B) * (1 - chunk tokens(B) / tokens of the cache) over B with decodes
                                                >= KV blocks held / KV blocks of the cache

``floor`` is a lower bound of a batch's time (``costmodel.floor``); the last line is Little's law of
the cache: all decodes of a batch hold their blocks in it at once, and its chunks theirs. The pairs
of prefill attention do not depend on how prompts are cut, so they add a constant. A preempted
request has its next token from a prefill of all x tokens so far instead of a decode: columns
without a batch, which turn x
prefill tokens into a decode that reads x. Its dual gives each unit of work a price such that no
batch is worth more than its time; hence the time of any run is at least what its work is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.costmodel.floor import BatchFloor
from slaibench.measure.work import Prices, Work
from slaibench.recording.record import FloatArray

TOLERANCE = 1e-6
"""Share of the cheapest batch's time by which a batch may be worth too much when the search ends;
prices are then lowered by so much that none is."""
MOST_ROUNDS = 500


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the time of a request goes at the bound, seconds; the share of each is by how much the
    bound would rise if that resource grew (1 %: so many hundredths of 1 %).

    Args:
        prefill_s: compute of prompt tokens, with their attention.
        decode_s: compute of decodes: their rows in the batches.
        bandwidth_s: reading the KV cache.
        capacity_s: batches that the KV cache keeps too small: what each costs whatever is in it.
    """

    prefill_s: float
    decode_s: float
    bandwidth_s: float
    capacity_s: float

    @property
    def compute_s(self) -> float:
        """Of prompts and decodes together."""
        return self.prefill_s + self.decode_s

    @property
    def total_s(self) -> float:
        """Seconds a request: one over the bound."""
        return self.compute_s + self.bandwidth_s + self.capacity_s

    @property
    def binding(self) -> str:
        """The largest of compute, KV bandwidth and KV capacity."""
        by_name = {
            "compute": self.compute_s,
            "KV bandwidth": self.bandwidth_s,
            "KV capacity": self.capacity_s,
        }
        return max(by_name, key=lambda name: by_name[name])


@dataclass(frozen=True, slots=True)
class Bound:
    """What no scheduler exceeds.

    Args:
        rate_rps: requests a second.
        decodes_per_batch: mean over the best batches that hold decodes; None: there are none.
        tokens_per_batch: mean over all the best batches.
    """

    rate_rps: float
    prices: Prices
    parts: Parts
    decodes_per_batch: float | None
    tokens_per_batch: float


@dataclass(frozen=True, slots=True)
class _Column:
    """A batch, or a preemption: what it does of each of the four, at what cost."""

    cost_s: float
    does: tuple[float, float, float, float]
    full_read_s: float | None = None
    """Of a batch whose context is cut by the cache: what reading it takes, at what the last token
    takes; the rest of its worth is the cache's."""


def capacity_bound(floor: BatchFloor, work: Work, total_blocks: int) -> Bound:
    """The bound, by column generation: the best batch at the present prices, until none is better.

    Args:
        floor: of any batch's time; its room must hold every batch that is to be bounded, and no
            batch of more tokens than the cache.
        total_blocks: KV blocks of the cache.

    Raises:
        ValueError: the cache cannot hold the longest request, or a batch takes no time at all.
    """
    if -(-work.longest // work.block_size) > total_blocks:
        raise ValueError(
            f"a request of {work.longest} KV tokens does not fit {total_blocks} blocks of "
            f"{work.block_size}"
        )
    needs = np.array(
        [
            work.prefill_tokens,
            work.decodes,
            work.context_tokens,
            work.context_blocks / total_blocks,
        ]
    )
    # Of any batch, which has a token of a sequence: what the solver takes for 1.
    least_s = float(floor.step_s + floor.tokens_s[1:].min() + floor.sequences_s[1:].min())
    if least_s <= 0:
        raise ValueError(
            "a batch that takes no time has no bound; give the cost model a time for it"
        )
    cache = total_blocks * work.block_size
    columns = _first_columns(floor, work)
    for _ in range(MOST_ROUNDS):
        amounts, prices = _solve(columns, needs, least_s)
        done = len(columns)
        candidates = [
            *_best_batches(floor, prices, cache),
            _best_preemption(floor, work, total_blocks, prices),
        ]
        slack = [column.cost_s - float(prices @ column.does) for column in candidates]
        if min(slack) > -TOLERANCE * least_s:
            break
        columns += [column for column, rest in zip(candidates, slack, strict=True) if rest < 0]
    # Whatever is left of a violation is taken off in proportion: a batch costs at least this.
    prices = np.maximum(prices, 0.0) / (1 + max(0.0, -min(slack)) / least_s)
    return _bound(floor, work, total_blocks, prices, columns[:done], amounts)


def _bound(
    floor: BatchFloor,
    work: Work,
    total_blocks: int,
    prices: FloatArray,
    columns: list[_Column],
    amounts: FloatArray,
) -> Bound:
    given = Prices(
        prefill_token_s=float(prices[0]) + floor.chunk_token_s,
        pair_s=floor.pair_s,
        decode_s=float(prices[1]),
        context_s=float(prices[2]),
        block_s=float(prices[3]) / total_blocks,
    )
    does = np.array([column.does for column in columns])
    batches = does[:, 0] >= 0
    # What a larger cache would bring (the envelope theorem): its row of the program, chunks that
    # take from the decodes' room, and contexts that it cuts.
    chunks_s = float(prices[3] * (amounts * (1 - does[:, 3]))[batches & (does[:, 1] > 0)].sum())
    cut_s = sum(
        float(amount) * max(0.0, given.context_s * column.does[2] - column.full_read_s)
        for amount, column in zip(amounts, columns, strict=True)
        if column.full_read_s is not None
    )
    parts = Parts(
        prefill_s=given.prefill_token_s * work.prefill_tokens
        + given.pair_s * work.prefill_pairs
        - chunks_s,
        decode_s=given.decode_s * work.decodes,
        bandwidth_s=given.context_s * work.context_tokens - cut_s,
        capacity_s=given.block_s * work.context_blocks + chunks_s + cut_s,
    )
    tokens, decodes = amounts @ (does[:, 0] + does[:, 1]), amounts[batches] @ does[batches, 1]
    with_decodes = amounts[batches] @ (does[batches, 1] > 0)
    return Bound(
        rate_rps=1 / parts.total_s,
        prices=given,
        parts=parts,
        decodes_per_batch=float(decodes / with_decodes) if with_decodes > 0 else None,
        tokens_per_batch=float(tokens / amounts[batches].sum()),
    )


def _first_columns(floor: BatchFloor, work: Work) -> list[_Column]:
    """Enough to do any work: a prompt token alone, and a decode alone at either end of contexts."""
    chunk_s = floor.step_s + float(floor.tokens_s[1] + floor.sequences_s[1]) + floor.launch_s
    columns = [_Column(chunk_s, (1.0, 0.0, 0.0, 0.0))]
    alone_s = floor.step_s + float(floor.tokens_s[1] + floor.sequences_s[1])
    for place in (0, -1):
        context, time_s = float(floor.contexts[1, place]), float(floor.decode_s[1, place])
        columns.append(_Column(alone_s + time_s, (0.0, 1.0, context, 1.0)))
    return columns


def _solve(
    columns: list[_Column], needs: FloatArray, least_s: float
) -> tuple[FloatArray, FloatArray]:
    from scipy.optimize import linprog  # noqa: PLC0415  (loads slowly, and only bounds need it)

    # The solver's tolerances are absolute: everything near 1.
    scale = np.maximum(needs, 1e-12)
    does = np.array([column.does for column in columns]).T / scale[:, None]
    costs = np.array([column.cost_s for column in columns]) / least_s
    solution = linprog(costs, A_ub=-does, b_ub=-(needs / scale), method="highs")
    if not solution.success:
        raise RuntimeError(f"the bound's linear program has no solution: {solution.message}")
    return np.asarray(solution.x), np.asarray(-solution.ineqlin.marginals / scale * least_s)


def _best_batches(floor: BatchFloor, prices: FloatArray, cache_tokens: int) -> list[_Column]:
    """Of batches of decodes, of chunks and of both: the one that is worth most for its time."""
    chunk, decode, context, batch = prices.tolist()
    # Beside decodes a chunk token also takes from what the cache has for them.
    beside = chunk - batch / cache_tokens
    counts = np.arange(1, len(floor.contexts))
    tokens = np.arange(1, len(floor.tokens_s))
    read = counts[:, None] * floor.contexts[1:]

    rest = floor.decode_s[1:] - read * context
    place = rest.argmin(axis=1)
    total = rest.min(axis=1) + floor.tokens_s[counts] + floor.sequences_s[counts] - decode * counts
    n = 1 + int(total.argmin())
    m = float(floor.contexts[n, place[n - 1]])
    time_s = float(floor.tokens_s[n] + floor.sequences_s[n] + floor.decode_s[n, place[n - 1]])
    read_s = _full_read_s(floor.decode_s, floor.contexts, n, int(place[n - 1]), cache_tokens)
    batches = [_Column(floor.step_s + time_s, (0.0, float(n), n * m, 1.0), read_s)]

    b = 1 + int((floor.tokens_s[1:] - chunk * tokens).argmin())
    time_s = float(floor.tokens_s[b] + floor.sequences_s[1])
    batches.append(_Column(floor.step_s + floor.launch_s + time_s, (float(b), 0.0, 0.0, 0.0)))

    if len(tokens) > 1:
        rest = floor.beside_s[1:] - read * context
        place = rest.argmin(axis=1)
        total = rest.min(axis=1) + floor.sequences_s[counts + 1] - (decode - beside) * counts
        # Of all counts that leave room for a chunk in a batch of so many tokens, the best.
        best = np.minimum.accumulate(total)[np.minimum(tokens[1:] - 1, len(counts)) - 1]
        b = 2 + int((floor.tokens_s[2:] - beside * tokens[1:] + best).argmin())
        n = 1 + int(total[: b - 1].argmin())
        m = float(floor.contexts[n, place[n - 1]])
        time_s = float(floor.tokens_s[b] + floor.sequences_s[n + 1])
        time_s += floor.step_s + floor.launch_s + float(floor.beside_s[n, place[n - 1]])
        room = 1 - (b - n) / cache_tokens
        read_s = _full_read_s(floor.beside_s, floor.contexts, n, int(place[n - 1]), cache_tokens)
        batches.append(_Column(time_s, (float(b - n), float(n), n * m, room), read_s))
    return batches


def _full_read_s(
    table: FloatArray, contexts: FloatArray, n: int, place: int, cache_tokens: int
) -> float | None:
    """``_Column.full_read_s`` of n decodes at a place; None where the cache does not cut it."""
    m = float(contexts[n, place])
    before = np.flatnonzero(contexts[n] < m)
    if n * m < cache_tokens * (1 - 1e-9) or not len(before):
        return None
    rise_s = float(table[n, place] - table[n, before[-1]])
    return m * rise_s / (m - float(contexts[n, before[-1]]))


def _best_preemption(
    floor: BatchFloor, work: Work, total_blocks: int, prices: FloatArray
) -> _Column:
    """The preemption whose recompute is worth least against the decode that it saves."""
    tokens = np.arange(2.0, max(work.longest, 2) + 1)
    blocks = np.ceil(tokens / work.block_size) / total_blocks
    costs = floor.pair_s * tokens**2 / 2 + floor.chunk_token_s * tokens
    slack = costs + prices[0] * tokens - prices[1] - prices[2] * tokens - prices[3] * blocks
    x = int(slack.argmin())
    return _Column(float(costs[x]), (-float(tokens[x]), 1.0, float(tokens[x]), float(blocks[x])))
