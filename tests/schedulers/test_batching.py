from __future__ import annotations

import pytest

from slaibench.schedulers.base import Batch, BatchWork, RequestView, Scheduler
from slaibench.schedulers.batching import (
    admit,
    blocks_left,
    continue_prefills,
    decode_by_arrival,
    note_due,
    take_decodes,
    tokens_of,
)
from tests.schedulers.plain import PlainRequest, PlainView, chunks, ids


def hungry(request_id: int, num_blocks: int = 1) -> PlainRequest:
    """A decoding request whose next token needs another block."""
    return PlainRequest(
        request_id,
        arrival_s=float(request_id),
        computed_tokens=1,
        num_blocks=num_blocks,
        needs_block=True,
    )


def content(request_id: int) -> PlainRequest:
    return PlainRequest(request_id, arrival_s=float(request_id), computed_tokens=1, num_blocks=1)


def test_with_a_block_for_everybody_all_decode() -> None:
    batch = Batch()
    take_decodes(PlainView(free_blocks=2), batch, [hungry(0), hungry(1)], [], 9)
    assert (ids(batch.decodes), batch.preempt) == ([0, 1], [])


def test_only_who_needs_a_block_counts_against_the_free_ones() -> None:
    batch = Batch()
    decoding = [content(0), hungry(1), content(2)]
    take_decodes(PlainView(free_blocks=1), batch, decoding, [], 9)
    assert (ids(batch.decodes), batch.preempt) == ([0, 1, 2], [])


def test_victims_go_from_the_end_and_no_more_than_needed() -> None:
    batch = Batch()
    victims: list[RequestView] = [hungry(7), hungry(8, num_blocks=2), hungry(9, num_blocks=0)]
    take_decodes(PlainView(free_blocks=0), batch, [hungry(0), hungry(1)], victims, 9)
    # 9 holds nothing, so 8 must go as well; its two blocks serve both.
    assert (ids(batch.preempt), ids(batch.decodes)) == ([9, 8], [0, 1])
    assert ids(victims) == [7]


def test_a_candidate_that_was_preempted_for_another_does_not_decode() -> None:
    batch = Batch()
    decoding = [hungry(0), hungry(1), hungry(2)]
    take_decodes(PlainView(free_blocks=0), batch, decoding, list(decoding), 9)
    assert (ids(batch.preempt), ids(batch.decodes)) == ([2, 1], [0])


def test_a_candidate_that_comes_up_itself_gives_way() -> None:
    batch = Batch()
    decoding = [content(0), hungry(1)]
    take_decodes(PlainView(free_blocks=0), batch, decoding, list(decoding), 9)
    assert (ids(batch.preempt), ids(batch.decodes)) == ([1], [0])


def test_without_victims_a_candidate_pays_with_its_own_blocks() -> None:
    batch = Batch()
    take_decodes(
        PlainView(free_blocks=0), batch, [hungry(0, num_blocks=2), hungry(1), hungry(2)], [], 9
    )
    assert (ids(batch.preempt), ids(batch.decodes)) == ([0], [1, 2])


def test_a_second_call_counts_what_the_first_took_and_freed() -> None:
    view, batch = PlainView(free_blocks=0), Batch()
    take_decodes(view, batch, [hungry(0)], [hungry(9, num_blocks=3)], 9)
    assert blocks_left(view, batch) == 2
    batch.prefills.append((PlainRequest(5, 1), 1))
    assert blocks_left(view, batch) == 1
    take_decodes(view, batch, [hungry(1), hungry(2)], [], 9)
    assert (ids(batch.preempt), ids(batch.decodes)) == ([9, 2], [0, 1])


@pytest.mark.parametrize("free_blocks", [0, 1, 2])
def test_whoever_is_in_the_batch_is_no_victim_in_whatever_order_victims_come(
    free_blocks: int,
) -> None:
    batch, decoding = Batch(), [hungry(0), content(1), hungry(2), hungry(3)]
    view = PlainView(free_blocks=free_blocks)
    take_decodes(view, batch, decoding, list(reversed(decoding)), 9)
    assert not set(ids(batch.preempt)) & set(ids(batch.decodes))
    assert len(set(ids(batch.preempt))) == len(batch.preempt)
    assert blocks_left(view, batch) >= 0


def test_a_prompt_in_the_batch_and_one_that_was_preempted_are_no_victims() -> None:
    cut, gone = hungry(7), hungry(8)
    batch = Batch(prefills=[(cut, 1)], preempt=[gone])
    take_decodes(
        PlainView(free_blocks=0), batch, [hungry(0), hungry(1), hungry(2)], [hungry(9), cut, gone]
    )
    # What 8 gave up serves 0, what 9 gives up serves 1; 7 keeps its own, so 2 pays for itself.
    assert (ids(batch.preempt), ids(batch.decodes)) == ([8, 9, 2], [0, 1])


def test_who_lost_its_blocks_in_a_first_call_does_not_decode_in_a_second() -> None:
    view, batch, first = PlainView(free_blocks=0), Batch(), hungry(0, num_blocks=5)
    take_decodes(view, batch, [first], [])
    take_decodes(view, batch, [first, hungry(1)], [])
    assert (ids(batch.preempt), ids(batch.decodes)) == ([0], [1])


def test_by_default_prompts_give_way_before_decodes_and_the_last_of_each_first() -> None:
    view = PlainView(free_blocks=0, prefilling=[hungry(5), hungry(6, num_blocks=2)])
    batch = Batch()
    take_decodes(view, batch, [hungry(0), hungry(1), hungry(2), hungry(3)])
    assert (ids(batch.preempt), ids(batch.decodes)) == ([6, 5, 3], [0, 1, 2])
    first = Batch()
    take_decodes(PlainView(free_blocks=0), first, [hungry(2), hungry(0)], room=1)
    assert (ids(first.preempt), ids(first.decodes)) == ([0], [2])


@pytest.mark.parametrize("free_blocks", [0, 5])
def test_who_is_preempted_takes_up_no_room(free_blocks: int) -> None:
    batch = Batch()
    decoding = [hungry(0, num_blocks=9), hungry(1), hungry(2), hungry(3)]
    take_decodes(PlainView(free_blocks=free_blocks), batch, decoding, [], 2)
    assert ids(batch.decodes) == ([0, 1] if free_blocks else [1, 2])
    assert ids(batch.preempt) == ([] if free_blocks else [0])


def test_equal_arrivals_decode_by_id_where_something_runs_out() -> None:
    decoding = [PlainRequest(i, computed_tokens=1) for i in (3, 1, 2)]
    batch = Batch()
    decode_by_arrival(PlainView(decoding=decoding), batch, budget=2)
    assert ids(batch.decodes) == [1, 2]


def test_those_beyond_the_limit_are_preempted_before_those_within() -> None:
    decoding = [hungry(0), hungry(1), hungry(2)]
    batch = Batch()
    decode_by_arrival(PlainView(free_blocks=1, decoding=decoding), batch, budget=2)
    assert (ids(batch.preempt), ids(batch.decodes)) == ([2], [0, 1])


def test_chunks_are_cut_by_the_budget() -> None:
    batch = Batch()
    prefilling = [PlainRequest(0, 5, computed_tokens=2), PlainRequest(1, 5), PlainRequest(2, 5)]
    assert continue_prefills(prefilling, batch, 7) == 0
    assert chunks(batch) == [(0, 3), (1, 4)]


def test_admission_counts_the_active_and_the_admitted() -> None:
    view = PlainView(
        prefilling=[PlainRequest(0, 5)],
        decoding=[content(1)],
        waiting=[PlainRequest(2), PlainRequest(3), PlainRequest(4)],
    )
    batch = Batch()
    assert admit(view, Scheduler(max_active=4), batch, 10) == 8
    assert chunks(batch) == [(2, 1), (3, 1)]


def test_a_step_that_preempts_admits_nobody() -> None:
    view = PlainView(waiting=[PlainRequest(0)])
    batch = Batch(preempt=[hungry(1)])
    assert admit(view, Scheduler(), batch, 10) == 10
    assert batch.prefills == []


def test_a_budget_holds_fewer_decodes_that_verify_drafted_tokens() -> None:
    decoding = [content(i) for i in range(5)]
    batch = Batch()
    view = PlainView(decoding=decoding, tokens_per_decode=4)
    decode_by_arrival(view, batch, budget=15)
    assert ids(batch.decodes) == [0, 1, 2]
    assert tokens_of(view, batch) == 12


def test_the_next_token_is_due_an_slo_a_token_later() -> None:
    one, three, prompt = (PlainRequest(i, tbt_slo_s=0.5) for i in range(3))
    work = BatchWork(0, (), [prompt], 6, [1, 3])
    note_due(Batch(decodes=[one, three], prefills=[(prompt, 1)], work=work), 10.0)
    assert [request.scheduler_data for request in (one, three, prompt)] == [10.5, 11.5, 10.5]
