"""What is left of preempted requests, against a queue of single blocks."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from slaibench.backends.simulator.freed_blocks import FreedBlocks
from slaibench.backends.simulator.state import SimRequest
from slaibench.workloads.request import Request


def request(prompt_tokens: int, request_id: int = 0) -> SimRequest:
    return SimRequest(Request(request_id, 0.0, prompt_tokens, 100))


def preempted(freed: FreedBlocks, of: SimRequest, num_blocks: int, computed_tokens: int) -> None:
    of.lose_blocks()
    freed.put(num_blocks, computed_tokens, owner=of)


class SingleBlocks:
    """The slow twin: a queue of (whose, which of its blocks), taken from the front."""

    def __init__(self, total_blocks: int, block_size: int) -> None:
        self.block_size = block_size
        self.queue: list[tuple[SimRequest | None, int]] = [(None, 0)] * total_blocks

    def put(self, num_blocks: int, computed_tokens: int, owner: SimRequest | None = None) -> None:
        for place in reversed(range(num_blocks)):
            full = (place + 1) * self.block_size <= computed_tokens
            self.queue.append((owner if full else None, place))

    def take(self, num_blocks: int) -> None:
        del self.queue[:num_blocks]

    def left(self, of: SimRequest) -> int:
        """The beginning that is still there; the last token is computed in any case."""
        num_left = 0
        while (of, num_left) in self.queue:
            num_left += 1
        return min(num_left, (of.prefill_tokens - 1) // self.block_size)

    def reclaim(self, of: SimRequest) -> int:
        num_left = self.left(of)
        kept = [entry for entry in self.queue if entry[0] is not of or entry[1] >= num_left]
        self.queue = [(None, 0) if entry[0] is of else entry for entry in kept]
        return num_left


@given(st.data())
def test_it_is_a_queue_of_single_blocks(data: st.DataObject) -> None:
    block_size = data.draw(st.sampled_from([1, 2, 5]), label="block_size")
    total = data.draw(st.integers(1, 30), label="total")
    freed, twin = FreedBlocks(total, block_size), SingleBlocks(total, block_size)
    waiting: list[SimRequest] = []
    held: list[tuple[SimRequest, int]] = []
    for number in range(data.draw(st.integers(1, 25), label="steps")):
        what = data.draw(st.sampled_from(["start", "end", "preempt", "back"]), label="what")
        if what == "start" and twin.queue:
            count = data.draw(st.integers(1, len(twin.queue)), label="blocks")
            freed.take(count)
            twin.take(count)
            held.append((request(count * block_size, number), count))
        elif what in ("end", "preempt") and held:
            victim, count = held.pop(data.draw(st.integers(0, len(held) - 1), label="who"))
            computed = data.draw(st.integers(0, count * block_size), label="computed")
            if what == "end":
                freed.put(count, computed)
                twin.put(count, computed)
            else:
                preempted(freed, victim, count, computed)
                twin.put(count, computed, victim)
                waiting.append(victim)
        elif what == "back" and waiting:
            victim = waiting.pop(data.draw(st.integers(0, len(waiting) - 1), label="who"))
            wanted = -(-victim.prefill_tokens // block_size)
            if wanted > len(twin.queue):
                waiting.append(victim)
                continue
            num_left = freed.reclaim(victim)
            assert num_left == twin.reclaim(victim)
            freed.take(wanted - num_left)
            twin.take(wanted - num_left)
            held.append((victim, wanted))
        assert freed.num_blocks == len(twin.queue)
        for victim in waiting:
            assert victim.computed_tokens == twin.left(victim) * block_size


def test_a_preempted_request_loses_its_end_first() -> None:
    freed = FreedBlocks(4, 10)
    victim = request(38)
    freed.take(4)
    preempted(freed, victim, 4, 38)
    assert victim.computed_tokens == 30
    freed.take(1)  # the block that was not full
    assert victim.computed_tokens == 30
    freed.take(2)
    assert victim.computed_tokens == 10
    assert freed.reclaim(victim) == 1
    assert freed.num_blocks == 0


def test_the_last_token_is_computed_again_in_any_case() -> None:
    freed = FreedBlocks(2, 10)
    victim = request(20)
    freed.take(2)
    preempted(freed, victim, 2, 20)
    assert victim.computed_tokens == 10
    assert freed.reclaim(victim) == 1
    assert freed.num_blocks == 1


def test_a_request_that_was_never_preempted_finds_nothing() -> None:
    freed = FreedBlocks(2, 10)
    freed.take(2)
    freed.put(2, 20)
    assert freed.reclaim(request(20)) == 0
