"""Highest response ratio next: order, interruption, sizes, and how long anybody waits."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest

from slaibench.backends.base import RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.costmodel import StaircaseCostModel
from slaibench.schedulers.base import BatchWork
from slaibench.schedulers.hrrn import Hrrn
from slaibench.schedulers.step_time import ENOUGH
from slaibench.workloads.request import Request
from tests.schedulers.plain import PlainRequest, PlainView, chunks, ids
from tests.schedulers.scenario import Scenario

SHORTEST = "hrrn:patience_s=inf,tile=4,token_budget=4"


def waiting(number: int, tokens: int, arrival_s: float = 0.0) -> PlainRequest:
    return PlainRequest(number, tokens, arrival_s)


def test_a_shorter_prompt_goes_before_the_rest_of_a_started_one() -> None:
    scenario = Scenario(SHORTEST)
    scenario.arrive(20, 1)
    assert scenario.step() == "A+4"
    scenario.arrive(4, 1)
    assert scenario.run() == ["B+4", "A+4", "A+4", "A+4", "A+4"]
    # Its KV stayed: no token was computed twice.


def test_what_is_left_counts_and_not_the_length() -> None:
    scenario = Scenario(SHORTEST)
    scenario.arrive(12, 1)
    scenario.steps(2)
    scenario.arrive(5, 1)
    assert scenario.run() == ["A+4", "B+4", "B+1"]


def test_started_first_interrupts_nobody() -> None:
    scenario = Scenario(f"{SHORTEST},started=first")
    scenario.arrive(12, 1)
    assert scenario.step() == "A+4"
    scenario.arrive(4, 1)
    assert scenario.run() == ["A+4", "A+4", "B+4"]


def test_waiting_makes_up_for_length() -> None:
    """(20 s + 2 s) / 100 tokens against (0 s + 2 s) / 10 tokens: 0.22 against 0.2."""
    view = PlainView(now_s=20.0, waiting=[waiting(0, 100), waiting(1, 10, 20.0)])
    assert chunks(Hrrn(token_budget=8).schedule(view)) == [(0, 8)]
    view.now_s = 17.0  # (17 + 2) / 100 against (17 - 17 + 2) / 10
    view.waiting[1].arrival_s = 17.0
    assert chunks(Hrrn(token_budget=8).schedule(view)) == [(1, 8)]


def test_however_many_short_prompts_come_a_long_one_gets_its_turn() -> None:
    """Short prompts for ever, at the engine's full speed: one token a millisecond."""
    long = [Request(0, 0.0, 400, 1)]
    short = [Request(1 + i, 0.1 * i, 100, 1) for i in range(600)]
    model = StaircaseCostModel(t_lin_s=0.0, t_col_tokens=1, per_token_s=0.001)

    def ttft_s(patience_s: float) -> float:
        scheduler = Hrrn(patience_s=patience_s, token_budget=100, tile=100)
        run = Simulator(model, total_blocks=1000).run([*long, *short], scheduler, RunSettings())
        return float(run.requests.ttft_s[0])

    # It passes whoever comes once (waited + 2) / 400 > (0 + 2) / 100, and four chunks are needed.
    assert ttft_s(2.0) < 10
    assert ttft_s(inf) > 50


def test_with_one_started_prompt_only_what_fits_whole_goes_before_it() -> None:
    scenario = Scenario("hrrn:patience_s=inf,tile=4,token_budget=4,max_started=1")
    scenario.arrive(12, 1)
    assert scenario.step() == "A+4"
    scenario.arrive(5, 1)
    scenario.arrive(3, 1)
    assert scenario.run() == ["C+3 A+1", "A+4", "A+3 B+1", "B+4"]


def test_an_engine_that_knows_one_started_prompt_is_given_no_second_one() -> None:
    started = PlainRequest(0, 12, computed_tokens=4, num_blocks=12)
    view = PlainView(waiting=[waiting(1, 5)], prefilling=[started], max_prefilling=1)
    assert chunks(Hrrn(token_budget=4, patience_s=inf).schedule(view)) == [(0, 4)]
    view.max_prefilling = None
    assert chunks(Hrrn(token_budget=4, patience_s=inf).schedule(view)) == [(1, 4)]


def test_a_decode_waits_for_prompts_until_it_is_nearly_due() -> None:
    scenario = Scenario("hrrn:patience_s=inf,tile=4,token_budget=4,ahead=2")
    scenario.arrive(1, 5, tbt_slo_s=6.0)
    assert scenario.step() == "A+1"
    scenario.arrive(40, 1)
    # Batches take a second: A's next token is due at 7, so that it is critical from 5 on.
    assert scenario.steps(5) == ["B+4", "B+4", "B+4", "B+4", "A B+3"]


def test_no_decode_is_withheld_before_a_batch_time_is_known() -> None:
    view = PlainView(decoding=[PlainRequest(0, scheduler_data=99.0)], waiting=[waiting(1, 9)])
    batch = Hrrn().schedule(view)
    assert ids(batch.decodes) == [0]
    assert batch.critical_decodes == 1


@pytest.mark.parametrize(("scarce", "critical"), [(0.8, 2), (1.0, 0)])
def test_a_full_cache_withholds_no_decode(scarce: float, critical: int) -> None:
    scheduler = Hrrn(scarce=scarce)
    scenario = Scenario(scheduler, total_blocks=100)
    scenario.arrive(49, 9, tbt_slo_s=99.0)
    scenario.arrive(48, 9, tbt_slo_s=99.0)
    scenario.step()
    scenario.arrive(50, 1)  # does not fit: the batch has decodes only
    batch = scheduler.schedule(scenario.engine)
    assert batch.critical_decodes == critical
    assert len(batch.decodes) == 2


class Learned:
    """A scheduler that has seen batches of a millisecond a token, with prompts and without."""

    def __init__(
        self, takes_s: Callable[[int], float] = lambda tokens: 0.001 * tokens, **options: object
    ) -> None:
        self.scheduler = Hrrn(tile=64, token_budget=512, **options)  # type: ignore[arg-type]
        view = PlainView()
        for step in range(3 * ENOUGH):
            tokens = 64 * (1 + step % 8)
            prompt = PlainRequest(0, 4096, computed_tokens=tokens, num_blocks=1)
            for kind in ({"prefills": [(prompt, tokens)]}, {"decodes": [prompt] * tokens}):
                batch = self.scheduler.schedule(view)
                batch.prefills = list(kind.get("prefills", []))  # type: ignore[arg-type]
                batch.decodes = list(kind.get("decodes", []))  # type: ignore[arg-type]
                decodes, chunks = batch.decodes, [(tokens, 0) for _ in batch.prefills]
                context = sum(request.computed_tokens for request in decodes)
                batch.work = BatchWork(context, chunks, [])
                self.scheduler.batch_done(batch, 0.0, takes_s(tokens), view)


def due(number: int, at_s: float) -> PlainRequest:
    return PlainRequest(number, 1, computed_tokens=1, num_blocks=1, scheduler_data=at_s)


def test_a_batch_ends_before_the_nearest_deadline() -> None:
    view = PlainView(decoding=[due(0, 0.3)], waiting=[waiting(1, 2000)], total_blocks=9999)
    view.free_blocks = 9999
    assert Learned().scheduler.schedule(view).num_tokens == 256
    assert Learned(size="budget").scheduler.schedule(view).num_tokens == 512
    view.decoding = [due(0, 0.6)]
    assert Learned().scheduler.schedule(view).num_tokens == 512


def test_of_the_sizes_that_deadlines_allow_the_most_efficient_is_taken() -> None:
    """From 257 tokens on every one takes four times as long: some 256 are the best."""
    view = PlainView(waiting=[waiting(1, 2000)], total_blocks=9999)
    view.free_blocks = 9999

    def size(**options: object) -> int:
        learned = Learned(**options, takes_s=lambda n: 0.05 + 0.001 * n + 0.003 * max(n - 256, 0))
        return learned.scheduler.schedule(view).num_tokens

    assert size() in (192, 256)
    assert size(size="deadline") == size(size="budget") == 512


def test_in_a_long_queue_a_wait_counts_less() -> None:
    """A prompt of 100 has waited 20 s, one of 10 has come; 9 more that are longer make a queue."""
    queue = [waiting(0, 100), waiting(1, 10, 20.0), *(waiting(2 + i, 1000, 20.0) for i in range(9))]

    def first(backlog: float) -> list[tuple[int, int]]:
        scheduler, view = Hrrn(token_budget=8, backlog=backlog), PlainView(waiting=list(queue))
        for step in range(3):
            scheduler._pace.admitted(1, 0.5 * step, waiting=9)
        view.now_s = 20.0
        return chunks(scheduler.schedule(view))

    assert first(0.0) == [(0, 8)]  # 22 / 100 against 2 / 10
    assert first(3.0) == [(1, 8)]  # 3 * 11 * 0.5 s: 36.5 / 100 against 16.5 / 10


def test_a_deadline_that_cannot_be_met_makes_no_batch_smaller() -> None:
    view = PlainView(decoding=[due(0, 0.01), due(1, 0.4)], waiting=[waiting(2, 2000)])
    view.free_blocks = view.total_blocks = 9999
    batch = Learned().scheduler.schedule(view)
    assert ids(batch.decodes) == [0, 1]
    assert batch.num_tokens == 384


def test_decodes_that_can_wait_do_not_make_one_late_that_cannot() -> None:
    view = PlainView(decoding=[due(0, 0.1), *(due(1 + i, 50.0) for i in range(300))])
    batch = Learned().scheduler.schedule(view)
    assert batch.critical_decodes == 1
    assert 60 <= len(batch.decodes) <= 100


def test_the_longest_started_prompt_gives_way_to_a_decode() -> None:
    near = PlainRequest(0, 100, computed_tokens=90, num_blocks=10)
    far = PlainRequest(1, 100, computed_tokens=10, num_blocks=10)
    decode = PlainRequest(2, scheduler_data=0.0, needs_block=True, num_blocks=1)
    view = PlainView(prefilling=[far, near], decoding=[decode], free_blocks=0)
    batch = Hrrn().schedule(view)
    assert ids(batch.preempt) == [1]
    assert ids(batch.decodes) == [2]
    assert chunks(batch) == [(0, 10)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"started": "last"}, "started must be one of ranked, first, not 'last'"),
        ({"size": "small"}, "size must be one of efficient, deadline, budget, not 'small'"),
        ({"patience_s": 0}, "patience_s must be above 0, not 0"),
        ({"backlog": -1}, "backlog must be at least 0 and finite, not -1"),
        ({"backlog": inf}, "backlog must be at least 0 and finite, not inf"),
        ({"ahead": 0.5}, "ahead must be at least 1 batch, not 0.5"),
        ({"scarce": 1.5}, r"scarce must be in \[0, 1\], not 1.5"),
        ({"tile": 0}, "tile must be a whole number of at least 1, not 0"),
        ({"max_started": 0}, "max_started must be a whole number of at least 1, not 0"),
    ],
)
def test_what_is_no_option_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Hrrn(**options)  # type: ignore[arg-type]
