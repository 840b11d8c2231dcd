from __future__ import annotations

import pytest

from slaibench.schedulers.base import Batch, BatchWork
from slaibench.schedulers.slai import Slai
from tests.schedulers.plain import PlainRequest, PlainView, chunks, ids
from tests.schedulers.scenario import Scenario, seconds_per_token


def decoding(request_id: int, lst_s: float, **state: float) -> PlainRequest:
    """A request whose next token must be scheduled at ``lst_s``."""
    return PlainRequest(request_id, computed_tokens=1, scheduler_data=lst_s, **state)  # type: ignore[arg-type]


# --- when a decode is critical ------------------------------------------------------------------


def test_a_decode_is_withheld_until_its_last_schedulable_time() -> None:
    """Batches of 1 s: A's first token is out at 1, so its lst is 1 + 10 - 2 * 1 = 9."""
    scenario = Scenario("slai:order=fcfs,offset=fixed:2,token_budget=4")
    scenario.arrive(2, 3, tbt_slo_s=10.0)
    scenario.arrive(40, 1, tbt_slo_s=10.0)
    assert scenario.step() == "A+2 B+2"
    # At 1, 2, ..., 8 s the whole budget is B's; at 9 s A cannot wait any longer.
    assert scenario.steps(9) == ["B+4"] * 8 + ["A B+3"]
    assert scenario.engine.now_s == 10.0
    # B's last three tokens leave room for A, though its next lst is 10 + 10 - 2 = 18.
    assert scenario.step() == "A B+3"
    assert [step[4] for step in scenario.engine.steps] == [0] * 9 + [1, 0]


@pytest.mark.parametrize(("lst_s", "critical"), [(5.0, 1), (5.000001, 0)])
def test_critical_from_exactly_the_last_schedulable_time_on(lst_s: float, critical: int) -> None:
    view = PlainView(now_s=5.0, decoding=[decoding(0, lst_s)])
    batch = Slai().schedule(view)
    assert (len(batch.decodes), batch.critical_decodes) == (1, critical)


def test_lst_is_set_once_from_the_running_mean_with_the_batch_that_yielded_the_token() -> None:
    """A second a token. A's prefill takes 1 s: mean 1 s, lst = 1 + 10 - 1 = 10.

    The batches of 4 s that follow move the mean, but not the lst: taken again at 9 s from a mean
    of 3.25 s it would be 7.75 and A would be critical. At 13 s it is.
    """
    scenario = Scenario(
        "slai:order=fcfs,offset=fixed:1,token_budget=4", timer=seconds_per_token(1.0)
    )
    a = scenario.arrive(1, 3, tbt_slo_s=10.0)
    assert scenario.step() == "A+1"
    scenario.arrive(40, 1, tbt_slo_s=10.0)
    for _ in range(3):
        assert a.scheduler_data == pytest.approx(10.0)
        assert scenario.step() == "B+4"
    assert scenario.engine.now_s == 13.0
    assert scenario.step() == "A B+3"
    # Ended at 17 s; batches of 1, 4, 4, 4 and 4 s so far.
    assert a.scheduler_data == pytest.approx(17.0 + 10.0 - 17.0 / 5)


def test_each_request_has_its_own_slo() -> None:
    scenario = Scenario("slai:order=fcfs,offset=fixed:0")
    paying = scenario.arrive(1, 2, tbt_slo_s=0.1)
    free = scenario.arrive(1, 2, tbt_slo_s=0.5)
    scenario.step()
    assert (paying.scheduler_data, free.scheduler_data) == pytest.approx((1.1, 1.5))


@pytest.mark.parametrize(("used_blocks", "offset"), [(95, 5), (96, 10), (97, 10)])
def test_the_dynamic_offset_doubles_from_96_percent_of_blocks_in_use(
    used_blocks: int, offset: int
) -> None:
    scenario = Scenario("slai", total_blocks=100)
    request = scenario.arrive(used_blocks, 2, tbt_slo_s=20.0)
    scenario.step()
    assert request.scheduler_data == pytest.approx(1.0 + 20.0 - offset * 1.0)


def test_the_dynamic_offset_sees_the_blocks_that_the_batch_gave_back() -> None:
    """While the batch ran all 100 blocks were in use; B finished with it."""
    scenario = Scenario("slai:watermark=0", total_blocks=100)
    a = scenario.arrive(50, 2, tbt_slo_s=20.0)
    scenario.arrive(50, 1)
    assert scenario.step() == "A+50 B+50"
    assert a.scheduler_data == pytest.approx(1.0 + 20.0 - 5.0)


# --- who is in the batch ------------------------------------------------------------------------


def test_critical_decodes_go_by_last_schedulable_time() -> None:
    view = PlainView(now_s=9.0, decoding=[decoding(0, 8.0), decoding(1, 6.0), decoding(2, 7.0)])
    assert ids(Slai(token_budget=2).schedule(view).decodes) == [1, 2]


@pytest.mark.parametrize("now_s", [0.0, 5.0])
def test_of_equal_last_schedulable_times_the_first_finished_prompt_goes_first(now_s: float) -> None:
    # Neither by id nor by arrival: by place in the view, which is the order of finished prompts.
    equal = [decoding(number, 4.0, arrival_s=arrival) for number, arrival in ((7, 2.0), (3, 3.0))]
    view = PlainView(now_s=now_s, decoding=[*equal, decoding(1, 4.0), decoding(0, 3.0)])
    assert ids(Slai(decode_limit=3).schedule(view).decodes) == [0, 7, 3]


def test_prefills_go_between_critical_and_other_decodes() -> None:
    view = PlainView(
        now_s=9.0,
        decoding=[decoding(0, 20.0), decoding(1, 10.0), decoding(2, 9.0)],
        prefilling=[PlainRequest(3, 4, num_blocks=4), PlainRequest(4, 3, num_blocks=3)],
        waiting=[PlainRequest(5, 2), PlainRequest(6, 2)],
    )
    scheduler = Slai(token_budget=12)
    batch = scheduler.schedule(view)
    assert ids(batch.decodes) == [2]
    assert chunks(batch) == [(3, 4), (4, 3), (5, 2), (6, 2)]
    scheduler = Slai(token_budget=13)
    batch = scheduler.schedule(view)
    assert ids(batch.decodes) == [2, 1]
    assert batch.critical_decodes == 1


def test_without_prompts_nothing_is_withheld() -> None:
    view = PlainView(now_s=0.0, decoding=[decoding(i, 100.0 - i) for i in range(5)])
    batch = Slai().schedule(view)
    assert ids(batch.decodes) == [4, 3, 2, 1, 0]
    assert batch.critical_decodes == 0


@pytest.mark.parametrize("now_s", [0.0, 50.0], ids=["withholdable", "critical"])
def test_the_decode_limit_holds_for_critical_and_other_decodes_together(now_s: float) -> None:
    view = PlainView(
        now_s=now_s, decoding=[decoding(i, 10.0 * i) for i in range(9)], waiting=[PlainRequest(9)]
    )
    batch = Slai(decode_limit=4).schedule(view)
    assert ids(batch.decodes) == [0, 1, 2, 3]
    assert chunks(batch) == [(9, 1)]
    assert batch.critical_decodes == (1 if now_s == 0.0 else 4)


def test_the_queue_is_shortest_prompt_first_by_default() -> None:
    scenario = Scenario("slai:token_budget=8")
    scenario.arrive(8, 1)
    scenario.arrive(5, 1)
    scenario.arrive(3, 1)
    assert scenario.run() == ["C+3 B+5", "A+8"]


def test_fcfs_keeps_the_order_of_arrival() -> None:
    scenario = Scenario("slai:order=fcfs,token_budget=8")
    scenario.arrive(8, 1)
    scenario.arrive(5, 1)
    scenario.arrive(3, 1)
    assert scenario.run() == ["A+8", "B+5 C+3"]


def test_spf_priority_puts_the_strict_tier_before_every_shorter_prompt() -> None:
    scenario = Scenario("slai:order=spf-priority,token_budget=8")
    scenario.arrive(2, 1, tbt_slo_s=0.5)
    scenario.arrive(8, 1, tbt_slo_s=0.1)
    scenario.arrive(1, 1, tbt_slo_s=0.5)
    scenario.arrive(7, 1, tbt_slo_s=0.1)
    assert scenario.run() == ["D+7 B+1", "B+7 C+1", "A+2"]


def test_started_prefills_go_on_in_the_order_of_admission() -> None:
    scenario = Scenario("slai:token_budget=8")
    scenario.arrive(12, 1)
    assert scenario.step() == "A+8"
    scenario.arrive(1, 1)
    assert scenario.step() == "A+4 B+1"


def test_the_head_of_the_line_blocks_those_behind_it() -> None:
    view = PlainView(free_blocks=20, waiting=[PlainRequest(0, 20), PlainRequest(1, 1)])
    assert not Slai().schedule(view)
    view.free_blocks = 21  # one for the watermark
    assert chunks(Slai().schedule(view)) == [(0, 20)]


# --- when no block is free ----------------------------------------------------------------------


def test_a_critical_decode_takes_the_block_of_the_last_started_prefill() -> None:
    view = PlainView(
        now_s=9.0,
        free_blocks=0,
        decoding=[decoding(0, 1.0, num_blocks=1, needs_block=True)],
        prefilling=[PlainRequest(1, 40, num_blocks=40), PlainRequest(2, 40, num_blocks=40)],
        waiting=[PlainRequest(3, 1)],
    )
    batch = Slai(token_budget=60).schedule(view)
    assert ids(batch.preempt) == [2]
    assert ids(batch.decodes) == [0]
    # Who was preempted heads the queue: nobody is admitted before it.
    assert chunks(batch) == [(1, 40)]


def test_without_a_started_prefill_the_decode_itself_is_preempted() -> None:
    view = PlainView(
        now_s=9.0,
        free_blocks=0,
        decoding=[
            decoding(0, 2.0, num_blocks=3, needs_block=True),
            decoding(1, 1.0, num_blocks=3, needs_block=True),
            decoding(2, 3.0, num_blocks=3, needs_block=True),
        ],
    )
    batch = Slai().schedule(view)
    # 1 is the most urgent, so it is the first to find no block; its three serve the two others.
    assert ids(batch.preempt) == [1]
    assert ids(batch.decodes) == [0, 2]
    assert batch.critical_decodes == 2


def test_a_decode_that_can_wait_preempts_no_prefill_of_its_batch() -> None:
    view = PlainView(
        now_s=0.0,
        free_blocks=0,
        decoding=[decoding(0, 1.0, num_blocks=3, needs_block=True)],
        prefilling=[PlainRequest(1, 40, num_blocks=40)],
    )
    batch = Slai().schedule(view)
    assert ids(batch.preempt) == [0]
    assert chunks(batch) == [(1, 40)]


def test_a_preempted_request_forgets_its_lst_and_gets_a_new_one() -> None:
    """Batches of 1 s, tbt 3, fixed offset 0. A and B hold all eight blocks at 1 s."""
    scenario = Scenario("slai:order=fcfs,offset=fixed:0,watermark=0", total_blocks=8)
    a = scenario.arrive(4, 3, tbt_slo_s=3.0)
    b = scenario.arrive(4, 2, tbt_slo_s=3.0)
    assert scenario.steps(2) == ["A+4 B+4", "-A B"]
    assert (a.scheduler_data, a.prefill_tokens) == (None, 5)
    # B is done, A prefills its prompt and its first token, and yields its second.
    assert scenario.step() == "A+5"
    assert a.scheduler_data == pytest.approx(3.0 + 3.0)
    assert b.num_preemptions == 0


def test_two_requests_that_do_not_fit_together_both_finish() -> None:
    """Each needs nine of ten blocks in the end; neither may starve the other for ever."""
    scenario = Scenario("slai:order=fcfs", total_blocks=10)
    scenario.arrive(4, 6)
    scenario.arrive(4, 6)
    assert len(scenario.run()) < 30


# --- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "sjf"}, "order must be one of fcfs, spf, spf-priority, not 'sjf'"),
        ({"offset": "fixed"}, "offset must be 'dynamic' or 'fixed:N'"),
        ({"offset": "fixed:-1"}, "not 'fixed:-1'"),
        ({"offset": "fixed:inf"}, "not 'fixed:inf'"),
        ({"offset": "fixed:nan"}, "not 'fixed:nan'"),
        ({"offset": 10}, "not 10"),
        ({"decode_limit": 0}, "decode_limit must be a whole number of at least 1, not 0"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Slai(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("yields", "due_s"), [((), 17.0), ([1], 17.0), ([3], 37.0)])
def test_the_lst_counts_the_tokens_that_the_batch_yielded(yields: list[int], due_s: float) -> None:
    """A reader has three tokens to read: the next one is due three SLOs later."""
    scheduler = Slai(offset="fixed:2")
    request = PlainRequest(0, tbt_slo_s=10.0)
    batch = Batch(decodes=[request], work=BatchWork(0, (), (), 3, yields))
    scheduler.batch_done(batch, 5.0, 9.0, PlainView())
    assert request.scheduler_data == due_s - 2 * 4.0 + 2.0


def test_verified_tokens_count_against_the_budget() -> None:
    view = PlainView(
        now_s=5.0,
        decoding=[decoding(0, 1.0), decoding(1, 2.0), decoding(2, 9.0)],
        waiting=[PlainRequest(3, prompt_tokens=50)],
        tokens_per_decode=4,
    )
    batch = Slai(token_budget=20).schedule(view)
    assert ids(batch.decodes) == [0, 1]
    assert chunks(batch) == [(3, 12)]
    view.waiting = []
    assert ids(Slai(token_budget=20).schedule(view).decodes) == [0, 1, 2]
    assert ids(Slai(token_budget=11).schedule(view).decodes) == [0, 1]
