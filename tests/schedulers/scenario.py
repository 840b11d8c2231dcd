"""A real engine driven one batch at a time, its batches written as one reads them."""

from __future__ import annotations

import math

from slaibench.backends.simulator.kv_blocks import KvBlocks
from slaibench.backends.simulator.state import SimRequest
from slaibench.costmodel import StaircaseCostModel
from slaibench.schedulers.base import Batch, Scheduler
from slaibench.schedulers.registry import build
from slaibench.workloads.request import Request
from tests.backends.checked import CheckedEngine


def batches_of(seconds: float) -> StaircaseCostModel:
    """Every batch takes equally long."""
    return StaircaseCostModel(t_lin_s=0.0, t_col_tokens=1, constant_s=seconds)


def seconds_per_token(seconds: float) -> StaircaseCostModel:
    return StaircaseCostModel(t_lin_s=0.0, t_col_tokens=1, per_token_s=seconds)


class Scenario:
    """Requests A, B, C, ... in the order they arrive, under one scheduler.

    Every step is checked against the invariants (tests.backends.checked).

    Args:
        scheduler: what ``slaibench.schedulers.registry.build`` takes, or a scheduler object.
        timer: how long batches take; one second each unless given.
    """

    def __init__(
        self,
        scheduler: str | Scheduler,
        *,
        total_blocks: int = 1000,
        block_size: int = 1,
        timer: StaircaseCostModel | None = None,
    ) -> None:
        self.scheduler = build(scheduler) if isinstance(scheduler, str) else scheduler
        self.engine = CheckedEngine(
            self.scheduler, timer or batches_of(1.0), KvBlocks(total_blocks, block_size)
        )
        self._count = 0

    def arrive(
        self,
        prompt_tokens: int,
        output_tokens: int,
        *,
        tbt_slo_s: float = 0.5,
        ttft_slo_s: float = math.inf,
        tenant: str = "",
    ) -> SimRequest:
        """The next letter arrives now."""
        request = SimRequest(
            Request(
                self._count,
                self.engine.now_s,
                prompt_tokens,
                output_tokens,
                tbt_slo_s=tbt_slo_s,
                ttft_slo_s=ttft_slo_s,
                tenant=tenant,
            )
        )
        self._count += 1
        self.engine.add(request)
        return request

    def step(self) -> str:
        """Run a batch: ``-C`` C preempted, ``A`` A decodes, ``B+4`` four prompt tokens of B."""
        batch = self.engine.step()
        return " ".join(
            [
                *(f"-{name(request)}" for request in batch.preempt),
                *(name(request) for request in batch.decodes),
                *(f"{name(request)}+{tokens}" for request, tokens in batch.prefills),
            ]
        )

    def steps(self, count: int) -> list[str]:
        return [self.step() for _ in range(count)]

    def run(self) -> list[str]:
        """Batches until nothing is left to do."""
        done = []
        while self.engine.has_work:
            done.append(self.step())
            assert done[-1], "the scheduler runs nothing although there is work"
            assert len(done) < 1000, "the scheduler does not come to an end"
        return done


def name(request: SimRequest) -> str:
    return chr(ord("A") + request.request_id)


def worked_example(scheduler: str) -> list[str]:
    """Li, Dai, Peng (arXiv 2504.07347), the five-request example, batch by batch.

    A, B and C decode with 2, 4 and 3 tokens left; D and E arrive during the first batch, with one
    prompt token and one decode each. ``p`` marks a prefill.
    """
    scenario = Scenario(scheduler)
    for left in (2, 4, 3):
        scenario.arrive(1, left + 1)
    assert scenario.step() == "A+1 B+1 C+1"
    written = []
    late = [(1, 2), (1, 2)]
    while scenario.engine.has_work:
        batch = scenario.engine.step()
        written.append(_as_in_the_paper(batch))
        for prompt_tokens, output_tokens in late:
            scenario.arrive(prompt_tokens, output_tokens)
        late = []
    return written


def _as_in_the_paper(batch: Batch) -> str:
    decodes = "".join(sorted(name(request) for request in batch.decodes))
    prefills = [f"{name(request)}p" for request, _ in batch.prefills]
    return " ".join([decodes, *prefills] if decodes else prefills)
