"""An emulated device for vLLM: batches take the time that a cost model says, tokens are made up.

vLLM's engine core, scheduler and KV cache manager are the real ones; only what a GPU would do is
not. As an executor it can stand behind the real server as well: ``--distributed-executor-backend
slaibench.backends.vllm.executor.EmulatedExecutor``, with ``{"gpu": "h100", "model": "mistral-7b",
"profile": null, "asynchronous": true}`` as ``additional_config["slaibench"]["device"]``. The last
of these has vLLM schedule asynchronously; it would not without a GPU, whatever its flag says.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar

from vllm.v1.executor.abstract import Executor
from vllm.v1.kv_cache_interface import FullAttentionSpec, MLAAttentionSpec
from vllm.v1.outputs import DraftTokenIds, ModelRunnerOutput

from slaibench.backends.engines.device import DeviceTime, RealTime, timer_of
from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.backends.vllm.batches import BatchReader, DeviceBatch
from slaibench.costmodel import spread_of
from slaibench.schedulers.engines.vllm_support import own_config
from slaibench.workloads.content import GENERATED_TOKEN

SPARE = 1.001
"""Memory is granted in whole blocks; this much more than they take keeps rounding out of it."""


class EmulatedExecutor(Executor):
    """``vllm.v1.executor.abstract.Executor`` without a device.

    Attributes:
        SPECULATES: whether it has drafts verified, of requests whose yields ``batches`` has.
        timer: the cost model; from ``additional_config``, or set by whoever built the engine.
        time: how its times pass.
        on_batch: called with each of vLLM's batches and what it asks of a device, once its time has
            passed or begun.
    """

    SPECULATES: ClassVar[bool] = True
    timer: BatchTimer | None = None
    on_batch: Callable[[Any, DeviceBatch], None] | None = None

    def _init_executor(self) -> None:
        self.time: DeviceTime = RealTime()
        self.batches = BatchReader()
        self._last: DeviceBatch | None = None
        self._pending: tuple[ModelRunnerOutput, float] | None = None
        device = own_config(self.vllm_config).get("device")
        if device is not None and device.get("asynchronous"):
            # vLLM's platform for CPUs has turned it off; what depends on it is built after us.
            self.scheduler_config.async_scheduling = True
        # Kept, since a server of vLLM's makes its configuration anew once all is built.
        self._is_asynchronous = bool(self.scheduler_config.async_scheduling)
        if device is not None:
            self.timer = timer_of({**device, "asynchronous": self._is_asynchronous})

    @classmethod
    def supports_async_scheduling(cls) -> bool:
        """Several batches may be in flight."""
        return True

    def check_health(self) -> None:
        """A device that is not there does not fail."""

    def shutdown(self) -> None:
        """Nothing runs."""

    def collective_rpc(
        self,
        method: Any,
        timeout: float | None = None,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        non_block: bool = False,
        **_: Any,
    ) -> Any:
        """What a worker would answer; None to whatever needs no answer."""
        name = method if isinstance(method, str) else getattr(method, "__name__", "")
        answers: dict[str, Callable[[], Any]] = {
            "get_kv_cache_spec": self._kv_cache_spec,
            "determine_available_memory": self._memory_bytes,
            "compile_or_warm_up_model": _compilation_times,
            "get_supported_tasks": lambda: ("generate",),
            "get_supported_kv_cache_layouts": _layouts,
            "supports_draft_weight_updates": lambda: False,
        }
        answer = answers[name]() if name in answers else None
        return _done([answer]) if non_block else [answer]

    def execute_model(self, scheduler_output: Any, non_block: bool = False) -> Any:
        """Let the batch's time pass; a token for everybody whose prefill is through.

        Under asynchronous scheduling the time passes when somebody asks for the tokens.
        """
        work = self._last = self.batches.take(scheduler_output)
        end_s = self._run(work) if work.num_tokens and self.timer is not None else 0.0
        if self.on_batch is not None:
            self.on_batch(scheduler_output, work)
        output = ModelRunnerOutput(
            req_ids=work.request_ids,
            req_id_to_index={request_id: row for row, request_id in enumerate(work.request_ids)},
            sampled_token_ids=work.sampled,
        )
        has_grammar = getattr(scheduler_output, "has_structured_output_requests", False)
        if has_grammar or (self._is_asynchronous and work.num_tokens):
            # A grammar says which tokens it takes only after this call (sample_tokens).
            self._pending = output, end_s
            return _done(None) if non_block else None
        return _done(output) if non_block else output

    def sample_tokens(self, grammar_output: Any, non_block: bool = False) -> Any:
        """The batch's tokens once its grammars are known: each the first that is allowed."""
        assert self._pending is not None, "no batch was handed over"
        (output, end_s), self._pending = self._pending, None
        if grammar_output is not None:
            rows = grammar_output.structured_output_request_ids
            for row, request_id in enumerate(rows):
                index = output.req_id_to_index[request_id]
                if output.sampled_token_ids[index]:
                    token = _first_allowed(grammar_output.grammar_bitmask[row])
                    output.sampled_token_ids[index] = [token]
        if self._is_asynchronous:
            later = Later(output, self.time, end_s)
            return later if non_block else later.result()
        return _done(output) if non_block else output

    def take_draft_token_ids(self) -> DraftTokenIds | None:
        """Drafts for everybody who got a token of the last batch; None: nobody drafts."""
        speculation = self.vllm_config.speculative_config
        if speculation is None or self._last is None:
            return None
        rows = zip(self._last.request_ids, self._last.sampled, strict=True)
        decoding = [request_id for request_id, tokens in rows if tokens]
        draft = [GENERATED_TOKEN] * speculation.num_speculative_tokens
        return DraftTokenIds(decoding, [list(draft) for _ in decoding])

    def _run(self, work: DeviceBatch) -> float:
        """Pass the batch's time, or begin it; returns when it will be done."""
        assert self.timer is not None
        contexts, chunks = work.contexts, work.prefills
        spread = spread_of(contexts)
        batch_s = self.timer.batch_time_s(
            len(contexts), sum(contexts), chunks, spread, work.draft_tokens
        )
        num_sequences = len(contexts) + len(chunks)
        between_s = self.timer.between_s(num_sequences)
        if self._is_asynchronous:
            return self.time.launch(batch_s, between_s, self.timer.hidden_s(num_sequences))
        self.time.spend(batch_s, between_s)
        return 0.0

    def _kv_cache_spec(self) -> dict[str, FullAttentionSpec]:
        """What the worker of every rank answers; so one answers for all of them."""
        config, parallel = self.model_config, self.parallel_config
        block_size, shape = self.cache_config.block_size, config.hf_text_config
        kind: type[FullAttentionSpec] = FullAttentionSpec
        heads, size = config.get_num_kv_heads(parallel), config.get_head_size()
        if rank := getattr(shape, "kv_lora_rank", None):
            # The heads of all ranks read one vector a token.
            kind, heads, size = MLAAttentionSpec, 1, rank + shape.qk_rope_head_dim
        spec = kind(block_size=block_size, num_kv_heads=heads, head_size=size, dtype=config.dtype)
        layers = range(config.get_num_layers(parallel))
        return {f"model.layers.{layer}.self_attn.attn": spec for layer in layers}

    def _memory_bytes(self) -> int:
        blocks = self.cache_config.num_gpu_blocks_override
        if blocks is None:
            raise ValueError(
                "an emulated device has as many KV blocks as vLLM says: start it with "
                "--num-gpu-blocks-override"
            )
        pages: int = sum(spec.page_size_bytes for spec in self._kv_cache_spec().values())
        return int(blocks * pages * SPARE)


class Later(Future[Any]):
    """The outcome of a batch that may still run: whoever asks for it waits.

    Args:
        end_s: when it is done.
    """

    def __init__(self, value: Any, time: DeviceTime, end_s: float) -> None:
        super().__init__()
        self._time, self._end_s = time, end_s
        self.set_result(value)

    def result(self, timeout: float | None = None) -> Any:
        self._time.wait(self._end_s)
        return super().result(timeout)


def _done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def _compilation_times() -> Any:
    try:
        from vllm.v1.worker.worker_base import CompilationTimes  # noqa: PLC0415
    except ImportError:  # vLLM before 0.2x: a number
        return 0.0
    return CompilationTimes(0.0, 0.0)


def _layouts() -> list[str]:
    """All that there are: nothing here reads the cache."""
    from vllm.v1.attention.backend import KVCacheLayout  # noqa: PLC0415

    return [layout.name for layout in KVCacheLayout]


def _first_allowed(bitmask: Any) -> int:
    """The lowest token id whose bit is set (words of 32 bits)."""
    for word, bits in enumerate(bitmask.tolist()):
        if bits:
            value = int(bits) & 0xFFFFFFFF
            return word * 32 + (value & -value).bit_length() - 1
    raise ValueError("a grammar allows no token at all")
