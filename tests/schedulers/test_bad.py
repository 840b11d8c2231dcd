"""The metrics must tell a bad scheduler from a good one."""

from __future__ import annotations

import numpy as np

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.costmodel import StaircaseCostModel
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.sarathi import Sarathi
from slaibench.workloads.request import Request
from tests.schedulers.bad import LongestPromptFirst

TIMER = StaircaseCostModel(t_lin_s=0.01, t_col_tokens=128, step_overhead_s=0.005)


def served(scheduler: Scheduler) -> RunOutput:
    rng = np.random.default_rng(5)
    due_s = np.cumsum(rng.exponential(0.16, 300))
    requests = [
        Request(i, float(due), int(prompt), int(output))
        for i, (due, prompt, output) in enumerate(
            zip(due_s, rng.integers(50, 3000, 300), rng.integers(20, 200, 300), strict=True)
        )
    ]
    return Simulator(TIMER, total_blocks=10_000).run(requests, scheduler, RunSettings())


def tbt_s(output: RunOutput) -> np.ndarray:
    table = output.requests
    gaps = np.diff(table.token_times_s)
    return np.delete(gaps, table.token_offsets[1:-1] - 1)


def test_ttft_and_tbt_show_that_a_scheduler_withholds_for_nothing() -> None:
    good, bad = served(Sarathi()), served(LongestPromptFirst())
    # It does keep the contract: everybody is served in the end.
    assert good.requests.finished.all()
    assert bad.requests.finished.all()
    assert np.quantile(tbt_s(bad), 0.99) > 5 * np.quantile(tbt_s(good), 0.99)
    assert tbt_s(bad).max() > 10 * tbt_s(good).max()
    assert np.median(bad.requests.last_token_s) > np.median(good.requests.last_token_s)


def test_ttft_of_short_prompts_shows_that_long_ones_go_first() -> None:
    good, bad = served(Sarathi()).requests, served(LongestPromptFirst()).requests
    short = good.prompt_tokens < 500
    assert np.median(bad.ttft_s[short]) > 2 * np.median(good.ttft_s[short])
    assert np.quantile(bad.ttft_s, 0.99) > 3 * np.quantile(good.ttft_s, 0.99)
    # The median over all prompts does not show it: prefills before decodes make it look better.
    assert np.median(bad.ttft_s) < np.median(good.ttft_s)
