from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from slaibench.backends.base import Progress, RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.backends.virtual import MAX_IDLE_STEPS
from slaibench.costmodel import StaircaseCostModel
from slaibench.recording.invariants import violation
from slaibench.recording.record import Outcome
from slaibench.schedulers.base import Batch, EngineView, Scheduler, SchedulerError
from slaibench.schedulers.registry import PORTABLE, build
from slaibench.schedulers.sarathi import Sarathi
from slaibench.workloads.request import Request
from tests.schedulers import bad

SECOND = StaircaseCostModel(t_lin_s=0.0, t_col_tokens=1, constant_s=1.0)
STAIRCASE = StaircaseCostModel(t_lin_s=0.02, t_col_tokens=128, step_overhead_s=0.004)


def run(
    requests: list[Request],
    scheduler: Scheduler | str = "sarathi",
    settings: RunSettings | None = None,
    *,
    timer: StaircaseCostModel = SECOND,
    total_blocks: int = 1000,
    max_context_tokens: int | None = None,
) -> RunOutput:
    scheduler = build(scheduler) if isinstance(scheduler, str) else scheduler
    simulator = Simulator(
        timer, total_blocks=total_blocks, block_size=1, max_context_tokens=max_context_tokens
    )
    return simulator.run(requests, scheduler, settings or RunSettings())


# --- times --------------------------------------------------------------------------------------


def test_times_of_a_request_served_alone() -> None:
    output = run([Request(0, 2.5, 600, 3)])
    requests = output.requests
    assert requests.first_scheduled_s.tolist() == [2.5]
    # 512 and 88 prompt tokens, then two decodes, a second each.
    assert requests.token_times_s.tolist() == [4.5, 5.5, 6.5]
    assert requests.ttft_s.tolist() == [2.0]
    assert requests.sent_s.tolist() == requests.due_s.tolist() == [2.5]
    assert output.end_s == 6.5
    assert output.steps.start_s.tolist() == [2.5, 3.5, 4.5, 5.5]
    assert output.stopped_early is None


@pytest.mark.parametrize("batch_s", [0.0, 1e-9, 4e-7, 6e-7])
def test_batches_shorter_than_the_clocks_tick_keep_the_order(batch_s: float) -> None:
    timer = StaircaseCostModel(t_lin_s=0.0, t_col_tokens=1, constant_s=batch_s)
    # Due times do not tick: half of these lie above the microsecond they are rounded to.
    requests = [Request(number, 0.1234563 + 2.7e-7 * number, 5, 3) for number in range(40)]
    output = run(requests, timer=timer)
    assert violation(output.requests, output.steps, len(requests)) is None
    assert output.requests.finished.all()
    assert (output.steps.end_s >= output.steps.start_s).all()
    assert (np.diff(output.steps.start_s) >= 0).all()
    assert (output.requests.ttft_s >= 0).all()


def test_a_client_reads_each_token_later_by_its_delivery() -> None:
    requests = [Request(0, 2.5, 600, 3), Request(1, 2.75, 1, 40)]
    simulators = [
        Simulator(SECOND, total_blocks=1000, block_size=1, delivery_s=delivery_s)
        for delivery_s in (0.0, 0.0125)
    ]
    near, far = (
        simulator.run(requests, build("sarathi"), RunSettings()) for simulator in simulators
    )
    assert far.requests.token_times_s.tolist() == pytest.approx(
        near.requests.token_times_s + 0.0125
    )
    assert far.requests.first_scheduled_s.tolist() == near.requests.first_scheduled_s.tolist()
    assert far.steps.end_s.tolist() == near.steps.end_s.tolist()
    assert far.end_s == pytest.approx(near.end_s + 0.0125)
    assert far.requests.last_token_s.max() <= far.end_s
    # What the horizon finds on its way was not read; its batch was.
    (_, cut) = (
        simulator.run(requests, build("sarathi"), RunSettings(horizon_s=4.505))
        for simulator in simulators
    )
    assert cut.requests.num_tokens.tolist() == [0, 0]
    assert len(cut.steps) == 2


def test_an_arrival_during_a_batch_waits_for_its_end() -> None:
    output = run([Request(0, 0.0, 1, 2), Request(1, 0.25, 1, 1), Request(2, 1.0, 1, 1)])
    # At 1.0 both have arrived: the third exactly then.
    assert output.requests.first_scheduled_s.tolist() == [0.0, 1.0, 1.0]


def test_the_clock_jumps_over_idle_time() -> None:
    output = run([Request(0, 1.0, 1, 1), Request(1, 100.0, 1, 1)])
    assert output.steps.start_s.tolist() == [1.0, 100.0]
    assert output.end_s == 101.0


def test_no_requests() -> None:
    output = run([])
    assert (len(output.requests), len(output.steps), output.end_s) == (0, 0, 0.0)
    assert len(output.requests.token_offsets) == 1


# --- buckets ------------------------------------------------------------------------------------


def test_the_horizon_cuts_whoever_is_unfinished_then() -> None:
    requests = [Request(0, 0.0, 1, 2), Request(1, 1.0, 1, 9), Request(2, 3.75, 1, 1),
                Request(3, 4.0, 1, 1), Request(4, 4.25, 1, 1)]  # fmt: skip
    output = run(requests, settings=RunSettings(horizon_s=4.0))
    table = output.requests
    # The last was not due by then: it is no part of the run.
    assert table.request_id.tolist() == [0, 1, 2, 3]
    assert table.outcome.tolist() == ["finished", "unfinished", "unfinished", "unfinished"]
    assert table.num_tokens.tolist() == [2, 3, 0, 0]
    assert np.isnan(table.first_scheduled_s[2:]).all()
    assert output.end_s == 4.0
    assert len(output.steps) == 4


def test_tokens_of_a_batch_that_the_horizon_cuts_do_not_count() -> None:
    output = run([Request(0, 0.0, 1, 3)], settings=RunSettings(horizon_s=2.5))
    table = output.requests
    # The third token would come at 3.0.
    assert table.token_times_s.tolist() == [1.0, 2.0]
    assert table.outcome.tolist() == [Outcome.UNFINISHED.value]
    assert output.steps.end_s.tolist() == [1.0, 2.0]
    assert output.end_s == 2.5


def test_a_request_whose_only_batch_is_cut_was_scheduled_all_the_same() -> None:
    output = run([Request(0, 0.0, 1, 3)], settings=RunSettings(horizon_s=0.5))
    assert output.requests.first_scheduled_s.tolist() == [0.0]
    assert output.requests.num_tokens.tolist() == [0]
    assert np.isnan(output.requests.ttft_s).all()


def test_a_token_at_the_horizon_counts() -> None:
    output = run([Request(0, 0.0, 1, 3)], settings=RunSettings(horizon_s=3.0))
    assert output.requests.outcome.tolist() == [Outcome.FINISHED.value]


def test_a_run_that_is_done_before_its_horizon_ends_then() -> None:
    output = run([Request(0, 0.0, 1, 3)], settings=RunSettings(horizon_s=50.0))
    assert output.end_s == 3.0
    assert output.requests.finished.all()


def test_a_horizon_in_idle_time() -> None:
    requests = [Request(0, 0.0, 1, 1), Request(1, 100.0, 1, 1)]
    output = run(requests, settings=RunSettings(horizon_s=50.0))
    assert (output.end_s, len(output.requests)) == (50.0, 1)


def test_requests_too_long_for_the_model_or_the_cache_fail_and_say_why() -> None:
    requests = [
        Request(0, 0.0, 90, 11),
        Request(1, 0.0, 90, 10),
        Request(2, 0.0, 60, 22),
        Request(3, 0.0, 60, 21),
        Request(4, 0.0, 1, 1),
    ]
    output = run(requests[:2], max_context_tokens=100)
    assert output.requests.outcome.tolist() == ["failed", "finished"]
    assert output.requests.error.tolist() == [
        "101 tokens (prompt + output) exceed the model's context of 100",
        "",
    ]
    output = run(requests[2:], total_blocks=80)
    assert output.requests.outcome.tolist() == ["failed", "finished", "finished"]
    assert output.requests.error.tolist() == [
        "82 tokens need 81 KV blocks; the whole cache has 80",
        "",
        "",
    ]
    assert np.isnan(output.requests.first_scheduled_s[0])
    assert output.requests.num_tokens.tolist() == [0, 21, 1]


def test_a_request_that_fills_the_whole_cache_is_served_by_everyone() -> None:
    for name in PORTABLE:
        output = run([Request(0, 0.0, 60, 21), Request(1, 0.5, 60, 21)], name, total_blocks=80)
        assert output.requests.finished.all(), name


# --- the stop rule ------------------------------------------------------------------------------


def asking(looks: list[Progress], until_s: float = math.inf) -> Callable[[Progress], str | None]:
    def rule(progress: Progress) -> str | None:
        looks.append(progress)
        return "seen enough" if progress.now_s >= until_s else None

    return rule


def test_the_stop_rule_ends_a_run_with_its_reason() -> None:
    looks: list[Progress] = []
    requests = [Request(i, 2.0 * i, 1, 5) for i in range(20)]
    output = run(requests, settings=RunSettings(stop=asking(looks, 12.0), stop_every_s=5.0))
    assert output.stopped_early == "seen enough"
    assert [look.now_s for look in looks] == [5.0, 10.0, 15.0]
    assert output.end_s == 15.0
    # Due by 15 s: 0, 2, ..., 14; who was due by 10 has had its five tokens.
    assert output.requests.outcome.tolist() == ["finished"] * 6 + ["unfinished"] * 2


def test_the_stop_rule_sees_who_came_and_who_left() -> None:
    looks: list[Progress] = []
    requests = [Request(0, 0.0, 9, 2), Request(1, 0.0, 99, 2), Request(2, 1.0, 9, 9)]
    run(
        requests,
        settings=RunSettings(stop=asking(looks), stop_every_s=2.0),
        max_context_tokens=20,
    )
    # Two tokens of the first by 2 s; the second was refused as it came; the third goes on.
    assert looks[0].due_s.tolist() == [0.0, 0.0, 1.0]
    assert looks[0].left_s[:2].tolist() == [2.0, 0.0]
    assert np.isnan(looks[0].left_s[2])
    assert [look.now_s for look in looks] == [2.0, 4.0, 6.0, 8.0, 10.0]


def test_without_a_rule_nobody_is_asked() -> None:
    assert run([Request(0, 0.0, 1, 50)]).stopped_early is None


# --- a scheduler that does not serve --------------------------------------------------------------


@pytest.mark.parametrize(
    "scheduler",
    [
        bad.Stalls,
        bad.StallsAndAsksToBeWoken,
        bad.WakesNever,
        bad.WakesInThePast,
    ],
)
def test_a_scheduler_that_leaves_its_requests_for_ever_is_reported(
    scheduler: type[Scheduler],
) -> None:
    with pytest.raises(SchedulerError, match=r"invariant 8: .* 1 requests waiting, 0 prefilling"):
        run([Request(0, 0.0, 5, 5)], scheduler())


def test_a_scheduler_that_works_in_vain_runs_until_the_horizon() -> None:
    """Each chunk is thrown away, but each is a batch as well: time passes."""
    settings = RunSettings(horizon_s=20.0)
    output = run([Request(0, 0.0, 5, 5)], bad.AdmitsAndPreempts(), settings)
    assert output.requests.outcome.tolist() == ["unfinished"]
    assert output.requests.num_preemptions[0] == output.steps.preemptions.sum() == 19


def test_an_arrival_gives_a_waiting_scheduler_another_chance() -> None:
    class WaitsForThree(Sarathi):
        """Runs when three requests are there; asks often whether they are."""

        def schedule(self, view: EngineView) -> Batch:
            if len(view.waiting) < 3 and not view.decoding:
                return Batch(wake_s=view.now_s + 100 / (0.6 * MAX_IDLE_STEPS))
            return super().schedule(view)

    output = run([Request(i, 100.0 * i, 5, 5) for i in range(3)], WaitsForThree())
    assert output.requests.finished.all()
    assert output.requests.first_scheduled_s.tolist() == [200.0] * 3


# --- input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([Request(0, 2.0, 1, 1), Request(1, 1.0, 1, 1)], "request 1 is due at 1.0 s, after one"),
        ([Request(0, math.nan, 1, 1)], "request 0 is due at nan s"),
        ([Request(0, math.inf, 1, 1)], "request 0 is due at inf s"),
        ([Request(0, 0.0, 0, 1)], "request 0 has 0 prompt and 1 output tokens"),
        ([Request(0, 0.0, 1, 0)], "request 0 has 1 prompt and 0 output tokens"),
    ],
)
def test_a_workload_that_makes_no_sense_is_refused(requests: list[Request], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(requests)


@pytest.mark.parametrize("sizes", [{"total_blocks": 0}, {"total_blocks": 1, "block_size": 0}])
def test_a_cache_of_no_size_is_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="total_blocks and block_size must be at least 1"):
        Simulator(SECOND, **sizes)
