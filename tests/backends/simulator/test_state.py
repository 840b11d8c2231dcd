from __future__ import annotations

import pytest

from slaibench.backends.simulator.state import SimRequest
from slaibench.schedulers.waiting import WaitingQueue
from slaibench.workloads.request import Request


def request(request_id: int = 0, prompt_tokens: int = 20, output_tokens: int = 10) -> SimRequest:
    return SimRequest(Request(request_id, 0.0, prompt_tokens, output_tokens))


def ids(queue: WaitingQueue) -> list[int]:
    return [request.request_id for request in queue.requests]


def test_a_new_request_waits_with_its_prompt_to_prefill() -> None:
    new = request()
    assert new.waiting
    assert (new.prefill_tokens, new.computed_tokens, new.output_tokens) == (20, 0, 0)
    assert (new.num_blocks, new.num_preemptions, new.scheduler_data) == (0, 0, None)


def test_the_last_output_token_needs_no_place_in_the_cache() -> None:
    assert request(prompt_tokens=20, output_tokens=10).final_tokens == 29
    assert request(prompt_tokens=20, output_tokens=1).final_tokens == 20


@pytest.mark.parametrize(("computed_tokens", "needs"), [(31, False), (32, True)])
def test_a_decode_needs_a_block_when_those_it_holds_are_full(
    computed_tokens: int, needs: bool
) -> None:
    running = request()
    running.hold(2, block_size=16)
    running.computed_tokens = computed_tokens
    assert running.needs_block is needs


def test_the_next_event_is_a_block_or_the_end_whichever_comes_first() -> None:
    running = request(prompt_tokens=20, output_tokens=100)
    running.hold(2, block_size=16)
    assert running.event_at == 33
    running = request(prompt_tokens=20, output_tokens=5)
    running.hold(2, block_size=16)
    assert running.event_at == 24


def test_preemption_turns_what_was_generated_into_prompt() -> None:
    running = request()
    running.hold(2, block_size=16)
    running.waiting = False
    running.scheduler_data = 3.0
    running.computed_tokens = 22
    for step in range(3):
        running.emit(step)
    running.lose_blocks()
    assert (running.prefill_tokens, running.computed_tokens, running.num_blocks) == (23, 0, 0)
    assert (running.output_tokens, running.num_preemptions) == (3, 1)
    assert running.scheduler_data is None
    assert running.waiting
    # Lost once more before it yields another token, it has no more to do than before.
    running.lose_blocks()
    assert running.prefill_tokens == 23


def test_equal_keys_keep_the_order_of_arrival() -> None:
    queue = WaitingQueue()
    for i in range(4):
        queue.add(request(i), 0)
    assert ids(queue) == [0, 1, 2, 3]


def test_a_smaller_key_goes_first() -> None:
    queue = WaitingQueue()
    for i, key in enumerate([5, 3, 4, 3]):
        queue.add(request(i), key)
    assert ids(queue) == [1, 3, 2, 0]


def test_the_last_preempted_heads_those_of_its_key() -> None:
    queue = WaitingQueue()
    for i, key in enumerate([1, 2, 2]):
        queue.add(request(i), key)
    queue.put_back(request(3), 2)
    queue.put_back(request(4), 2)
    queue.add(request(5), 2)
    assert ids(queue) == [0, 4, 3, 1, 2, 5]


def test_any_request_can_be_taken_out_and_the_order_stays() -> None:
    queue = WaitingQueue()
    all_of_them = [request(i) for i in range(5)]
    for waiting, key in zip(all_of_them, [1, 1, 2, 2, 3], strict=True):
        queue.add(waiting, key)
    queue.remove(all_of_them[2])
    queue.remove(all_of_them[0])
    queue.add(request(9), 2)
    assert ids(queue) == [1, 3, 9, 4]
    assert len(queue) == 4
    with pytest.raises(ValueError, match="not in list"):
        queue.remove(all_of_them[0])
