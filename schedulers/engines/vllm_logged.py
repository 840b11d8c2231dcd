"""vLLM's own scheduler, or a class in its place, with nothing of ours in it but a log of its steps.

``--scheduler-cls slaibench.schedulers.engines.vllm_logged.LoggedScheduler --additional-config
'{"slaibench": {"scheduler": "my_package.mine:Mine", "step_log": "steps.log"}}'``; ``engine`` is
vLLM's own class for its mode.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler as VllmOwnScheduler

from slaibench.schedulers.engine_class import EngineClass
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.schedulers.engines.step_log import (
    FileStepLog,
    MonotonicClock,
    NoStepLog,
    Step,
    StepLog,
)
from slaibench.schedulers.engines.switch import Switch
from slaibench.schedulers.engines.vllm_support import RELEASES, own_config
from slaibench.schedulers.registry import find, parse


class LoggedScheduler:
    """Makes an object of the class that is named, which also notes what it does.

    ``additional_config["slaibench"]`` holds ``scheduler`` (without it: ``engine``), and may hold
    ``step_log`` and ``switchable`` as for ``vllm.SlaibenchScheduler``; a request may then ask for
    the same scheduler alone, which begins anew.

    Raises:
        ValueError: the scheduler is no class of vLLM's.
    """

    def __new__(cls, vllm_config: Any, *args: Any, **kwargs: Any) -> Any:
        named = own_config(vllm_config).get("scheduler") or EngineDefault.name
        kind = logged(_class_of(named, vllm_config.scheduler_config.async_scheduling))
        return kind(vllm_config, *args, **kwargs)


def _class_of(text: str, asynchronous: bool) -> type:
    """The class of vLLM's that a scheduler's text names."""
    kind = find(parse(text)[0])
    if issubclass(kind, EngineClass) and kind.loaded is not None:
        return kind.loaded
    if kind is not EngineDefault:
        raise ValueError(
            f"scheduler {text!r} is no class of vLLM's: serve it with SlaibenchScheduler"
        )
    stock: type = AsyncScheduler if asynchronous else VllmOwnScheduler
    return stock


@dataclass(slots=True)
class _Flight:
    """A batch whose tokens are not back.

    Args:
        start_s: when it began; None: not yet, as far as is known.
    """

    output: Any
    step: Step
    start_s: float | None


class Noted:
    """What is noted of a scheduler of vLLM's.

    Args:
        made_of: what the scheduler was made of, as positional and named arguments.
    """

    def __init__(self, made_of: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
        self.made_of = made_of
        self.step_log: StepLog = NoStepLog()
        self.switch: Switch | None = None
        self.asynchronous = False
        self._clock = MonotonicClock()
        self._flights: deque[_Flight] = deque()
        self._prefill_tokens: dict[str, int] = {}
        """Where the prefill of each request ends: before it, tokens are a prompt's."""
        self._num_preempted = 0

    def began(self) -> float:
        """A call begins: the batch that was handed over last runs alone by now."""
        now_s = self._clock.now_s()
        if self._flights and self._flights[-1].start_s is None:
            self._flights[-1].start_s = now_s
        return now_s

    def scheduled(self, scheduler: Any, output: Any, began_s: float) -> None:
        """A batch is handed over."""
        for request_id in output.finished_req_ids:
            self._prefill_tokens.pop(request_id, None)
        for request_id in output.preempted_req_ids or ():
            self.step_log.preempted(request_id)
            self._num_preempted += 1
        if not output.num_scheduled_tokens:
            return
        resumed = output.scheduled_cached_reqs.resumed_req_ids
        prefill_tokens = decodes = 0
        for request_id, tokens in output.num_scheduled_tokens.items():
            request = scheduler.requests[request_id]
            if request_id not in self._prefill_tokens:
                self.step_log.first_scheduled(request_id, began_s)
                self._prefill_tokens[request_id] = request.num_prompt_tokens
            elif request_id in resumed:
                self._prefill_tokens[request_id] = request.num_tokens
            if request.num_computed_tokens > self._prefill_tokens[request_id]:
                decodes += 1
            else:
                prefill_tokens += tokens
        queues = (scheduler.waiting, getattr(scheduler, "skipped_waiting", ()))
        pool = scheduler.kv_cache_manager.block_pool
        step = Step(
            start_s=began_s,
            end_s=began_s,
            prefill_tokens=prefill_tokens,
            decodes=decodes,
            critical_decodes=decodes,
            waiting=sum(map(len, queues)),
            active=len(scheduler.running),
            kv_blocks_used=num_blocks(scheduler) - pool.get_num_free_blocks(),
            preemptions=self._num_preempted,
        )
        self._num_preempted = 0
        self._flights.append(_Flight(output, step, None if self.asynchronous else began_s))

    def back(self, scheduler: Any, output: Any, back_s: float) -> None:
        """A batch's tokens were processed; ``back_s``: when they came."""
        if self._flights and self._flights[0].output is output:
            flight = self._flights.popleft()
            assert flight.start_s is not None
            end_s = back_s if self.asynchronous else self._clock.now_s()
            self.step_log.step(flight.step._replace(start_s=flight.start_s, end_s=end_s))
        if not scheduler.requests and not self._flights:
            self.step_log.flush()
            if self.switch is not None:
                self.switch.engine_is_idle()


class Logging:
    """Notes what the class after it does, which decides everything."""

    noted: Noted

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own: Any = self
        config, named = own.vllm_config, own_config(own.vllm_config)
        self.noted = noted = Noted((args, kwargs))
        noted.asynchronous = bool(config.scheduler_config.async_scheduling)
        if named.get("step_log"):
            captured = config.compilation_config.max_cudagraph_capture_size or 0
            noted.step_log = FileStepLog(
                named["step_log"], num_blocks(self), own.block_size, RELEASES.check(), captured
            )
        if named.get("switchable"):
            noted.switch = Switch(self._begin_anew, own.reset_prefix_cache)

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        began_s = self.noted.began()
        output = super().schedule(*args, **kwargs)  # type: ignore[misc]
        self.noted.scheduled(self, output, began_s)
        return output

    def update_from_output(self, scheduler_output: Any, *args: Any, **kwargs: Any) -> Any:
        back_s = self.noted.began()
        outputs = super().update_from_output(  # type: ignore[misc]
            scheduler_output, *args, **kwargs
        )
        self.noted.back(self, scheduler_output, back_s)
        return outputs

    def add_request(self, request: Any) -> None:
        if self.noted.switch is not None:
            said = getattr(request.sampling_params, "extra_args", None)
            own: Any = self
            self.noted.switch.look_at(said, busy=bool(own.requests))
        super().add_request(request)  # type: ignore[misc]

    def shutdown(self) -> None:
        super().shutdown()  # type: ignore[misc]
        self.noted.step_log.close()

    def _begin_anew(self, text: str) -> None:
        """An object as it was made, in an engine that holds no request.

        Raises:
            ValueError: another scheduler is asked for.
        """
        own, noted = vars(self), self.noted
        runs = own_config(own["vllm_config"]).get("scheduler") or EngineDefault.name
        if text != runs:
            raise ValueError(f"scheduler {text!r}: this server was started for {runs!r} alone")
        ended = own["finished_req_ids"]  # its workers have not heard of these yet
        own.clear()
        args, kwargs = noted.made_of
        super().__init__(*args, **kwargs)
        self.noted = noted
        own["finished_req_ids"] |= ended
        noted.step_log.switched(text)


def num_blocks(scheduler: Any) -> int:
    """KV blocks that requests may hold."""
    total: int = scheduler.cache_config.num_gpu_blocks
    return total - 1  # vLLM keeps one for itself


@cache
def logged(cls: type) -> Any:
    """A class of vLLM's that also notes what it does."""
    return type(
        cls.__name__, (Logging, cls), {"__doc__": cls.__doc__, "__module__": cls.__module__}
    )
