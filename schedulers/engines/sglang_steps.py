"""What an SGLang step was, from its decision to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slaibench.schedulers.base import Batch
from slaibench.schedulers.engines.engine_view import ATTRIBUTE, work_of
from slaibench.schedulers.engines.sglang_view import SglangRequest
from slaibench.schedulers.engines.step_log import Step, StepLog


class StepNotes:
    """The step that is on its way.

    Attributes:
        step: its numbers; None: nothing runs.
        num_preempted: who lost its blocks since the last step.
    """

    def __init__(self) -> None:
        self.step: Step | None = None
        self.num_preempted = 0

    def decided(self, engine: Any, batch: Batch, began_s: float) -> None:
        """A scheduler's batch was built.

        Args:
            engine: ``slaibench.schedulers.engines.sglang_scheduler.SlaibenchScheduler``.
            began_s: when it began to decide.
        """
        view = engine.view
        batch.work = work_of(batch, counted=False)
        self.step = Step(
            start_s=began_s,
            end_s=began_s,
            prefill_tokens=sum(tokens for _, tokens in batch.prefills),
            decodes=len(batch.decodes),
            critical_decodes=batch.critical_decodes,
            waiting=len(engine.waiting_queue),
            active=len(view.prefilling) + len(view.decoding),
            kv_blocks_used=view.total_blocks - engine.pages.free(),
            preemptions=self.num_preempted,
        )
        self.num_preempted = 0

    def ran_by_own_rule(self, engine: Any, batch: Any, began_s: float) -> None:
        """The step that SGLang decided itself.

        Args:
            batch: SGLang's.
        """
        extends = batch.forward_mode.is_extend()
        decodes = len(batch.decoding_reqs or ()) if extends else len(batch.reqs)
        for req in batch.reqs:
            ours: SglangRequest = getattr(req, ATTRIBUTE)
            if ours.waiting:
                ours.waiting = False
                engine.in_order.remove(ours)
                if not ours.was_scheduled:
                    ours.was_scheduled = True
                    engine.step_log.first_scheduled(req.rid, began_s)
        self.decided(engine, Batch(critical_decodes=decodes), began_s)
        assert self.step is not None
        running = engine.running_batch.reqs if engine.running_batch is not batch else ()
        self.step = self.step._replace(
            prefill_tokens=(batch.extend_num_tokens - decodes) if extends else 0,
            decodes=decodes,
            active=len({id(req) for req in (*batch.reqs, *running)}),
        )

    def done(self, log: StepLog, end_s: float) -> None:
        """Its tokens are out."""
        if self.step is not None:
            log.step(self.step._replace(end_s=end_s))
            self.step = None


class NotedStreamer:
    """Hands everything on to SGLang's own.

    Whoever hears of a token may act on it at once, so a step must have ended before.

    Args:
        inner: SGLang's.
        begins: called before anything goes out.
    """

    def __init__(self, inner: Any, begins: Callable[[], None]) -> None:
        self._inner, self._begins = inner, begins

    def stream_output(self, *args: Any, **kwargs: Any) -> Any:
        self._begins()
        return self._inner.stream_output(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
