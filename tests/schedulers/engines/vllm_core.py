"""vLLM's engine core on an emulated device for tests: driven step by step, checked after each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from slaibench.schedulers import registry
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.schedulers.engines.step_log import MemoryStepLog

FIRST_SECOND_S = 100.0


class Clock:
    """A clock that tests and the emulated device move."""

    def __init__(self) -> None:
        self.time_s = FIRST_SECOND_S
        self._began_s = self._ended_s = self._free_s = 0.0

    def now_s(self) -> float:
        return self.time_s

    def arrival_s(self, request: Any) -> float:
        return self.time_s

    def spend(self, batch_s: float, overhead_s: float) -> None:
        self.time_s += batch_s + overhead_s

    def launch(self, batch_s: float, between_s: float, hidden_s: float) -> float:
        self.time_s += hidden_s
        self._began_s = max(self.time_s, self._free_s)
        self._free_s = self._began_s + batch_s + between_s
        return self._free_s

    def wait(self, end_s: float) -> None:
        self._ended_s = end_s
        self.time_s = max(self.time_s, end_s)

    def began_s(self) -> float:
        return self._began_s

    def ended_s(self) -> float:
        return self._ended_s


MOST_OUTPUT = 1024
"""Tokens that a request may ask for."""


class FlatTimer:
    """Batches of the same time whatever is in them."""

    needs_spread = False

    def batch_time_s(
        self,
        num_decodes: int,
        context_tokens: int,
        prefills: Any,
        spread: Any = None,
        draft_tokens: int = 0,
    ) -> float:
        return 0.02

    def between_s(self, num_sequences: int) -> float:
        return 0.002

    def hidden_s(self, num_sequences: int) -> float:
        return 0.003


def build_core(folder: Path, **overrides: Any) -> Any:
    """An engine core; ``overrides`` are of ``vllm.EngineArgs``."""
    from vllm.engine.arg_utils import EngineArgs
    from vllm.v1.engine.core import EngineCore

    from slaibench.backends.vllm.executor import EmulatedExecutor
    from slaibench.schedulers.engines.vllm import SlaibenchScheduler

    args: dict[str, Any] = {
        "model": str(folder),
        "load_format": "dummy",
        "skip_tokenizer_init": True,
        "dtype": "bfloat16",
        "enforce_eager": True,
        "async_scheduling": False,
        "distributed_executor_backend": EmulatedExecutor,
        "scheduler_cls": SlaibenchScheduler,
        "max_model_len": 1024,
        "max_num_batched_tokens": 256,
        "max_num_seqs": 64,
        "block_size": 16,
        "num_gpu_blocks_override": 65,
        "enable_prefix_caching": False,
        **overrides,
    }
    config = EngineArgs(**args).create_engine_config()
    # Without a GPU vLLM's platform has turned it off, whatever was asked for.
    config.scheduler_config.async_scheduling = args["async_scheduling"]
    return EngineCore(config, EmulatedExecutor, log_stats=False)


class Driver:
    """Adds, aborts and steps, and compares vLLM's books with each other after every step.

    Attributes:
        tokens: new token ids of each request, a session's turns together.
        turns: times that each was reported to be at an end: a session, once an input.

    Args:
        core: from ``build_core``; taken over with nothing in it.
        scheduler: the scheduler as on the command line.
    """

    def __init__(self, core: Any, scheduler: str) -> None:
        self.core, self.scheduler = core, core.scheduler
        self.clock, self.log = Clock(), MemoryStepLog()
        core.model_executor.time = self.clock
        core.model_executor.timer = FlatTimer()
        self.scheduler.clock, self.scheduler.step_log = self.clock, self.log
        self.ours = registry.build(scheduler)
        self.scheduler.decide_by(self.ours)
        assert self.scheduler.reset_prefix_cache()
        self.tokens: dict[str, list[int]] = {}
        self.finished: dict[str, str] = {}
        self.turns: Counter[str] = Counter()
        self.most_in_flight = 0

    def add(
        self,
        request_id: str,
        prompt_ids: list[int],
        *,
        priority: int = 0,
        adapter: int = 0,
        resumable: bool = False,
        **params: Any,
    ) -> None:
        """Add a request, or a session's next input.

        Args:
            adapter: number of a LoRA adapter; 0: none.
            resumable: a session, which goes on with the next input of the same id; an input that
                is not resumable ends it.
            params: of ``vllm.SamplingParams``.
        """
        from vllm import SamplingParams
        from vllm.lora.request import LoRARequest
        from vllm.v1.engine import EngineCoreRequest

        defaults = {"ignore_eos": True, "temperature": 0.0, "detokenize": False}
        request = EngineCoreRequest(
            request_id=request_id,
            prompt_token_ids=prompt_ids,
            mm_features=None,
            sampling_params=SamplingParams(**{**defaults, **params}),
            pooling_params=None,
            arrival_time=self.clock.time_s,
            lora_request=LoRARequest(f"a{adapter}", adapter, "/nowhere") if adapter else None,
            cache_salt=None,
            data_parallel_rank=None,
            priority=priority,
            resumable=resumable,
        )
        self.tokens.setdefault(request_id, [])
        most = 1 + self.scheduler.num_spec_tokens
        lucky = Random(request_id)
        self.core.model_executor.batches.yields[request_id] = [
            lucky.randint(1, most) for _ in range(MOST_OUTPUT)
        ]
        self.core.add_request(*self.core.preprocess_add_request(request))

    @property
    def queues(self) -> list[Any]:
        """Those that vLLM counts as waiting."""
        beside = getattr(self.scheduler, "kv_holding_waiting", ())
        return [self.scheduler.waiting, beside]

    def abort(self, request_id: str) -> None:
        self.core.abort_requests([request_id])
        self.finished.setdefault(request_id, "abort")

    def step(self) -> None:
        before_s = self.clock.time_s
        outputs, executed = self.core.step_fn()
        self.core.post_step(executed)
        self.most_in_flight = max(self.most_in_flight, len(self.scheduler.flights) + bool(outputs))
        for client in (outputs or {}).values():
            for output in client.outputs:
                self.tokens[output.request_id] += output.new_token_ids
                if output.finish_reason is not None:
                    self.finished[output.request_id] = str(output.finish_reason)
                    self.turns[output.request_id] += 1
        if self.clock.time_s == before_s:
            self.clock.time_s += 0.01  # everybody withheld
        self.check()

    def run_out(self, most_steps: int = 100_000) -> None:
        """Step until nothing is left."""
        for _ in range(most_steps):
            if not self.scheduler.has_requests() and not self.core.batch_queue:
                return
            self.step()
        raise AssertionError(f"still {len(self.scheduler.requests)} requests after {most_steps}")

    def check(self) -> None:
        scheduler, view = self.scheduler, self.scheduler.view
        asynchronous = scheduler.scheduler_config.async_scheduling
        size, total = scheduler.block_size, view.total_blocks
        drafts = scheduler.num_spec_tokens
        queued = list(scheduler.waiting)
        pool = scheduler.kv_cache_manager.block_pool
        manager = scheduler.kv_cache_manager.coordinator.single_type_managers[0]
        held = {key: blocks for key, blocks in manager.req_to_blocks.items() if blocks}
        counts = Counter(block.block_id for blocks in held.values() for block in blocks)
        assert pool.get_num_free_blocks() + len(counts) == total
        for blocks in held.values():
            for block in blocks:
                assert block.ref_cnt == counts[block.block_id]
        running = {request.request_id: request for request in scheduler.running}
        assert len(running) == len(scheduler.running)
        between = {request.request_id: request for request in queued if request.num_computed_tokens}
        assert set(held) <= set(running) | set(between)
        for request_id, request in (running | between).items():
            num_blocks, computed = len(held.get(request_id, ())), request.num_computed_tokens
            # Slots of drafted tokens that were rejected stay the request's.
            assert -(-computed // size) <= num_blocks <= -(-(computed + drafts) // size)
            most = 1 if asynchronous else 0
            assert 0 <= request.num_output_placeholders <= most, request
        view.follow(scheduler.running)  # as the next step does, after an abort
        through = [*view.decoding, *view.ending]
        ours = [request.inner.request_id for request in (*view.prefilling, *through)]
        resumable = {request.inner.request_id for request in scheduler.waiting.resumable}
        assert len(ours) == len(set(ours))
        assert set(ours) - resumable == set(running)
        waiting = [request.request_id for request in queued]
        assert len(waiting) == len(set(waiting)) == sum(map(len, self.queues))
        assert not set(waiting) & set(running)
        assert set(waiting) | set(running) == set(scheduler.requests)
        if scheduler.lora_config:
            adapters = {request.lora_request for request in running.values()} - {None}
            assert len(adapters) <= scheduler.lora_config.max_loras
        for request in view.prefilling:
            assert request.inner.num_computed_tokens < request.prefill_tokens
        for request in through:
            assert request.inner.num_computed_tokens >= request.prefill_tokens
        # As they were when each came: what it would find in the prefix cache changes.
        keys = scheduler.waiting.ordered._keys
        assert keys == sorted(keys)
        if self.log.steps:
            last = self.log.steps[-1]
            most_tokens, most_active = self.ours.token_budget, self.ours.max_active
            if isinstance(self.ours, EngineDefault):
                most_tokens = scheduler.max_num_scheduled_tokens
                most_active = scheduler.max_num_running_reqs
            assert last.prefill_tokens + last.decodes <= most_tokens
            assert last.active <= most_active
