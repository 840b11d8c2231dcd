"""vLLM's scheduler, steered by a policy (``schedulers.engines.vllm`` says how)."""

from __future__ import annotations

import time
from typing import Any

from vllm.logger import init_logger
from vllm.v1.core.sched.request_queue import SchedulingPolicy
from vllm.v1.core.sched.scheduler import Scheduler as VllmOwnScheduler
from vllm.v1.request import Request

from schedulers import registry
from schedulers.base import Batch, Scheduler
from schedulers.engine_default import EngineDefault
from schedulers.engines.clock import MonotonicClock
from schedulers.engines.step_log import FileStepLog, NoStepLog, Step, StepLog
from schedulers.engines.switch import Switch
from schedulers.engines.vllm_layout import cut, lay_out, uncut, what_ran
from schedulers.engines.vllm_queue import NoSecondQueue, PolicyQueue
from schedulers.engines.vllm_request import ATTRIBUTE, VllmRequest
from schedulers.engines.vllm_support import check_config, check_limits, check_version, own_config
from schedulers.engines.vllm_view import VllmView

logger = init_logger(__name__)


class PolicyScheduler(VllmOwnScheduler):
    """vLLM's scheduler, steered by a policy.

    ``additional_config["slaibench"]`` may hold ``scheduler`` (name and options, as on our command
    line; ``engine`` is vLLM's own rule), ``options`` (those of a class that has its name built
    in), ``step_log`` (a file, ``schedulers.engines.step_log.FileStepLog``) and ``switchable``
    (``schedulers.engines.switch``).

    Attributes:
        decider: the policy; None: vLLM's own rule.
        clock: an emulated device in virtual time puts its own here.
        step_log: told of every step.
        last_batch: what the policy last decided.

    Raises:
        UnsupportedVllmError: this vLLM, or how it was started, cannot be steered.
        ValueError: no such scheduler or option.
    """

    scheduler_name = "engine"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        version = check_version()
        super().__init__(*args, **kwargs)
        check_config(self.vllm_config, self.kv_cache_config)
        own = own_config(self.vllm_config)
        self.running: list[Request]
        self.max_num_scheduled_tokens: int
        self.max_num_running_reqs: int
        self._engine_tokens = self.max_num_scheduled_tokens
        self._engine_active = self.max_num_running_reqs
        self._num_blocks = self.cache_config.num_gpu_blocks - 1  # vLLM keeps one for itself
        self.clock: Any = MonotonicClock()
        self.step_log: StepLog = NoStepLog()
        if own.get("step_log"):
            captured = self.vllm_config.compilation_config.max_cudagraph_capture_size or 0
            self.step_log = FileStepLog(
                own["step_log"], self._num_blocks, self.block_size, version, captured
            )
        self.waiting = PolicyQueue(self._wrap, self._key, self._on_preempted)
        if hasattr(self, "skipped_waiting"):
            self.skipped_waiting = NoSecondQueue(self.waiting)
        self.view = VllmView(self.waiting.ordered.requests, self._num_blocks, self.block_size)
        self.decider: Scheduler | None = None
        self.last_batch = Batch()
        self._num_arrived = 0
        self._num_preempted = 0
        self._handed_over_s = 0.0
        self._in_flight: tuple[float, Batch, Step] | None = None
        options = own.get("options")
        named = f"{self.scheduler_name}:{options}" if options else self.scheduler_name
        self.use(own.get("scheduler") or named)
        own_switch = Switch(self.use, self.reset_prefix_cache)
        self._switch = own_switch if own.get("switchable") else None

    def use(self, text: str) -> None:
        """Have another policy decide from the next step on; it starts from scratch.

        Raises:
            ValueError, UnsupportedVllmError: no such scheduler, or one that asks for more than
                this engine can do; the one before stays.
        """
        policy = registry.build(text)
        self.decide_by(policy)
        logger.info("scheduler: %s %s", policy.name, policy.options())
        self.step_log.switched(text)

    def decide_by(self, policy: Scheduler) -> None:
        """Have this policy object decide, in an engine that holds no request.

        Raises:
            UnsupportedVllmError: it asks for more than this engine can do.
        """
        tokens, active = self._engine_tokens, self._engine_active
        own_rule = isinstance(policy, EngineDefault)
        if own_rule:
            tokens, active = min(tokens, policy.token_budget), min(active, policy.max_active)
        else:
            check_limits(policy.name, policy.token_budget, policy.max_active, tokens, active)
        self.max_num_scheduled_tokens = tokens
        self.max_num_running_reqs = self.max_num_active_reqs = active
        self._num_arrived = self._num_preempted = 0
        self.decider = None if own_rule else policy

    def add_request(self, request: Request) -> None:
        if self._switch is not None:
            said = getattr(request.sampling_params, "extra_args", None)
            self._switch.look_at(said, busy=bool(self.requests))
        super().add_request(request)

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        """One step: vLLM's own ``schedule()`` over the batch that the policy decides."""
        view, queue = self.view, self.waiting
        began_s = view.now_s = self.clock.now_s()
        if queue.blocked:
            queue.unblock(self._is_ready)
        view.follow(self.running)
        view.free_blocks = self._unclaimed_blocks()
        if self.decider is None:
            return self._schedule_by_own_rule(began_s, args, kwargs)
        batch = self.last_batch = self.decider.schedule(view)
        lost = [request.inner.request_id for request in batch.preempt]
        for request in list(batch.preempt):
            self.running.remove(request.inner)
            self._preempt_request(request.inner, time.monotonic())
        self.running, hidden = lay_out(batch, self.running)
        queue.offer(request for request, _ in batch.prefills if request.waiting)
        cut(batch)
        budget = self.max_num_scheduled_tokens
        self.max_num_scheduled_tokens = batch.num_tokens
        try:
            output = super().schedule(*args, **kwargs)
        finally:
            self.max_num_scheduled_tokens = budget
            self.running.extend(hidden)
            uncut(batch)
        if lost:
            output.preempted_req_ids = (output.preempted_req_ids or set()) | set(lost)
        self._settle(what_ran(batch, output.num_scheduled_tokens), began_s)
        self._handed_over_s = self.clock.now_s()
        return output

    def update_from_output(self, scheduler_output: Any, model_runner_output: Any) -> Any:
        """vLLM's own, and then the policy is told."""
        self.view.forward_s = self.clock.now_s() - self._handed_over_s
        outputs = super().update_from_output(scheduler_output, model_runner_output)
        if self._in_flight is None:
            return outputs
        began_s, ran, step = self._in_flight
        self._in_flight = None
        view = self.view
        end_s = view.now_s = self.clock.now_s()
        view.advance(ran.prefills)
        view.follow(self.running)
        view.free_blocks = self._unclaimed_blocks()
        if self.decider is not None:
            self.decider.batch_done(ran, began_s, end_s, view)
        self.step_log.step(step._replace(end_s=end_s))
        if not self.requests:
            self.step_log.flush()
            if self._switch is not None:
                self._switch.engine_is_idle()
        return outputs

    def shutdown(self) -> None:
        """vLLM's own, and the end of the step log."""
        super().shutdown()
        self.step_log.close()

    def _make_cached_request_data(self, running_reqs: Any, *args: Any, **kwargs: Any) -> Any:
        for request in running_reqs:
            request.num_output_placeholders = 0  # set by cut; the chunks are decided by now
        return super()._make_cached_request_data(running_reqs, *args, **kwargs)

    def _schedule_by_own_rule(self, began_s: float, args: Any, kwargs: Any) -> Any:
        view = self.view
        self.waiting.offer(view.waiting[: self.max_num_running_reqs])
        output = super().schedule(*args, **kwargs)
        ran = self.last_batch = Batch()
        for request_id, tokens in output.num_scheduled_tokens.items():
            ours: VllmRequest = getattr(self.requests[request_id], ATTRIBUTE)
            if ours.inner.num_computed_tokens > ours.prefill_tokens:
                ran.decodes.append(ours)
            else:
                ran.prefills.append((ours, tokens))
        ran.critical_decodes = len(ran.decodes)
        self._settle(ran, began_s)
        return output

    def _settle(self, ran: Batch, began_s: float) -> None:
        """Bring our lists up to what vLLM has decided, and note the step."""
        view = self.view
        admitted = [request for request, _ in ran.prefills if request.waiting]
        self.waiting.settle(admitted)
        view.admit(admitted)
        for request in admitted:
            if request.inner.num_preemptions == 0:
                self.step_log.first_scheduled(request.inner.request_id, began_s)
        view.follow(self.running)
        if not ran:
            return
        step = Step(
            start_s=began_s,
            end_s=began_s,
            prefill_tokens=sum(tokens for _, tokens in ran.prefills),
            decodes=len(ran.decodes),
            critical_decodes=ran.critical_decodes,
            waiting=len(self.waiting),
            active=len(self.running),
            kv_blocks_used=self._num_blocks - self._pool_free(),
            preemptions=self._num_preempted,
        )
        self._num_preempted = 0
        self._in_flight = (began_s, ran, step)

    def _unclaimed_blocks(self) -> int:
        """Blocks that nobody holds and no started prefill will still take."""
        return self._pool_free() - self.view.promised_blocks

    def _pool_free(self) -> int:
        free: int = self.kv_cache_manager.block_pool.get_num_free_blocks()
        return free

    def _wrap(self, request: Request) -> VllmRequest:
        self._num_arrived += 1
        ours = VllmRequest(
            request,
            self._num_arrived,
            self.clock.arrival_s(request),
            self.block_size,
            self._cached_tokens,
        )
        setattr(request, ATTRIBUTE, ours)
        return ours

    def _key(self, request: VllmRequest) -> Any:
        key = 0 if self.decider is None else self.decider.queue_key(request)
        # vLLM's own priorities (--scheduling-policy priority) stand above the policy's order.
        return (request.inner.priority, key) if self.policy is SchedulingPolicy.PRIORITY else key

    def _on_preempted(self, request: VllmRequest) -> None:
        self._num_preempted += 1
        self.step_log.preempted(request.inner.request_id)

    def _cached_tokens(self, request: Request) -> int:
        if not self.cache_config.enable_prefix_caching:
            return 0
        return int(self.kv_cache_manager.get_computed_blocks(request)[1])

    def _is_ready(self, request: Request) -> bool:
        """Whether a request that waited for something else than its turn may now wait for that."""
        if not self._is_blocked_waiting_status(request.status):
            return True
        promote = getattr(self, "_handle_blocked_waiting_request", None)
        return bool((promote or self._try_promote_blocked_waiting_request)(request))
