"""vLLM's flags that concern scheduling, batching, memory, LoRA, parallelism or preemption."""

from __future__ import annotations

from slaibench.backends.engines.flags import Flag, FlagVerdict
from slaibench.schedulers.engines.vllm_refusals import REFUSALS

GROUPS = (
    "SchedulerConfig",
    "CacheConfig",
    "ParallelConfig",
    "LoRAConfig",
    "OffloadConfig",
)
"""Of vLLM's groups of flags, those of which every flag is here."""
STEMS = (
    "sched",
    "batch",
    "prefill",
    "preempt",
    "queue",
    "parallel",
    "lora",
    "kv-",
    "spec-",
    "speculative",
    "transfer",
    "sleep",
    "memory",
    "cudagraph",
    "diffusion",
    "runner",
    "encoder-only",
    "mm-encoder",
    "prompt-embeds",
    "sliding-window",
    "max-model-len",
)
"""Parts of names by which flags of other groups are found that concern us too."""
ELSEWHERE = (
    "cudagraph-metrics",
    "enable-cumem-allocator",
    "gdn-prefill-backend",
    "kda-prefill-backend",
    "kv-cache-metrics",
    "kv-cache-metrics-sample",
    "mm-encoder-attn-backend",
    "mm-encoder-attn-dtype",
    "mm-encoder-fp8-scale-path",
    "mm-encoder-fp8-scale-save-margin",
    "mm-encoder-fp8-scale-save-path",
    "mm-encoder-tp-mode",
    "mm-ipc-gpu-memory-gb",
    "per-request-spec-decode-metrics",
    "renderer-num-workers",
    "safetensors-prefetch-block-size",
    "safetensors-prefetch-num-threads",
    "sleep-mode-backend",
    "sleep-mode-offload-cudagraph",
    "sleep-preserve-parameter-names",
    "weight-transfer-config",
)
"""Names with such a part that say how something is computed, loaded or counted."""

_WORKERS = "the workers' own; what a batch is does not depend on it"
_RANKS = "acts only with `--data-parallel-size`, which is refused"
_CONTEXT = "acts only with `--decode-context-parallel-size`, which is refused"
OF_OTHER_MODELS = "of models with Mamba layers or sliding windows, which are refused"
_LORA = "the adapters' own; which of them run together is `--max-loras`"
_SPECULATIVE = "acts only with `--speculative-config`, which is refused"


def _honoured(why: str, *names: str) -> tuple[Flag, ...]:
    return tuple(Flag(name, FlagVerdict.HONOURED, why) for name in names)


def _refused(why: str, *names: str) -> tuple[Flag, ...]:
    return tuple(Flag(name, FlagVerdict.REFUSED, why) for name in names)


FLAGS = (
    *(Flag(refusal.flag, FlagVerdict.REFUSED, refusal.why) for refusal in REFUSALS),
    *_refused("makes a KV connector: see `--kv-transfer-config`", "kv-offloading-size"),
    *_refused("acts only with `--kv-offloading-size`, which is refused", "kv-offloading-backend"),
    *_refused(_SPECULATIVE, "spec-method", "spec-model", "spec-tokens"),
    *_honoured(
        "the most tokens of a batch; a scheduler whose `token_budget` is larger is refused",
        "max-num-batched-tokens",
        "max-num-scheduled-tokens",
    ),
    *_honoured(
        "the most requests that are active; a scheduler whose `max_active` is larger is refused",
        "max-num-seqs",
        "max-num-active-seqs",
    ),
    *_honoured(
        "`priority`: the lowest number is admitted first, and the highest is preempted first; the "
        "scheduler's own order is among equals",
        "scheduling-policy",
    ),
    *_honoured(
        "batches are decided while the one before runs; refused before vLLM 0.29: start that with "
        "--no-async-scheduling",
        "async-scheduling",
    ),
    *_honoured("ours, or any class that extends it", "scheduler-cls"),
    *_honoured("schedulers admit whole prompts either way", "scheduler-reserve-full-isl"),
    *_honoured(
        "without effect: it goes with `--long-prefill-token-threshold`, which is refused but for "
        "the scheduler engine",
        "long-prefill-token-threshold-adaptive",
    ),
    *_honoured(
        "vLLM's front end answers 503 before a request is seen here",
        "max-num-queued-reqs",
        "max-num-queued-tokens",
    ),
    *_honoured(
        "vLLM cuts a chunk before an image that does not fit; the rest is another chunk",
        "disable-chunked-mm-input",
    ),
    *_honoured(
        "vLLM's front end holds tokens back; times of tokens are then of whole intervals",
        "stream-interval",
    ),
    *_honoured(
        "a model is taken if its layers come out as one group of full attention",
        "disable-hybrid-kv-cache-manager",
        "disable-sliding-window",
    ),
    *_honoured("blocks are counted in it", "block-size"),
    *_honoured(
        "KV blocks are as many as vLLM makes of it",
        "gpu-memory-utilization",
        "kv-cache-memory-bytes",
        "kv-cache-dtype",
        "kv-cache-dtype-skip-layers",
        "num-gpu-blocks-override",
    ),
    *_honoured(
        "a waiting request shows what it would find in the cache",
        "enable-prefix-caching",
        "prefix-caching-hash-algo",
        "prefix-match-unit",
    ),
    *_honoured(_WORKERS, "kv-sharing-fast-prefill"),
    *_refused(
        OF_OTHER_MODELS,
        "swa-bounded-replay",
        "prefix-cache-retention-interval",
        "enable-mamba-shared-prefix-checkpoint",
        "mamba-block-size",
        "mamba-cache-dtype",
        "mamba-cache-mode",
        "mamba-ssm-cache-dtype",
        "replayssm-buffer-len",
        "use-replayssm",
    ),
    *_honoured(
        "no more adapters than that run at a time, the withheld counted; a request whose adapter "
        "does not fit is passed by until one is free",
        "max-loras",
    ),
    *_honoured(
        _LORA,
        "default-mm-loras",
        "enable-lora",
        "enable-mixed-moe-lora-format",
        "enable-moe-shared-loras",
        "enable-tower-connector-lora",
        "fully-sharded-loras",
        "lora-dtype",
        "lora-target-modules",
        "max-cpu-loras",
        "max-lora-cls-labels",
        "max-lora-rank",
        "specialize-active-lora",
    ),
    *_honoured(
        _WORKERS,
        "all2all-backend",
        "cpu-distributed-timeout-seconds",
        "dbo-decode-token-threshold",
        "dbo-prefill-token-threshold",
        "device-ids",
        "disable-custom-all-reduce",
        "distributed-executor-backend",
        "distributed-timeout-seconds",
        "enable-batch-sharded-sampling",
        "enable-dbo",
        "enable-ep-weight-filter",
        "enable-eplb",
        "enable-expert-parallel",
        "enable-fault-tolerance",
        "enable-hc-sp",
        "enable-shm-tensor-arena",
        "eplb-config",
        "expert-placement-strategy",
        "fault-tolerance-config",
        "master-addr",
        "master-port",
        "max-parallel-loading-workers",
        "nnodes",
        "node-rank",
        "numa-bind",
        "numa-bind-cpus",
        "numa-bind-nodes",
        "ray-workers-use-nsight",
        "tensor-parallel-size",
        "ubatch-size",
        "worker-cls",
        "worker-extension-cls",
    ),
    *_refused(
        _RANKS,
        "data-parallel-address",
        "data-parallel-backend",
        "data-parallel-external-lb",
        "data-parallel-hybrid-lb",
        "data-parallel-multi-port-external-lb",
        "data-parallel-rank",
        "data-parallel-rpc-port",
        "data-parallel-size-local",
        "data-parallel-start-rank",
        "disable-nccl-for-dp-synchronization",
        "dp-sync-interval",
        "elastic-ep-max-dp-size",
        "enable-elastic-ep",
    ),
    *_refused(
        _CONTEXT,
        "cp-kv-cache-interleave-size",
        "dcp-comm-backend",
        "dcp-kv-cache-interleave-size",
        "dcp-q-replicate",
    ),
    *_honoured(
        "weights lie elsewhere; KV blocks are as many as vLLM makes of the rest",
        "cpu-offload-gb",
        "cpu-offload-params",
        "offload-backend",
        "offload-group-size",
        "offload-num-in-group",
        "offload-params",
        "offload-prefetch-step",
    ),
    *_honoured("vLLM pauses before it sleeps: nobody is scheduled meanwhile", "enable-sleep-mode"),
    *_honoured("a prompt of embeddings is counted like one of tokens", "enable-prompt-embeds"),
    *_honoured("the longest prompt and answer that vLLM takes", "max-model-len"),
    *_honoured(
        "how a batch is launched; the step log says the largest one that is captured",
        "cudagraph-capture-sizes",
        "max-cudagraph-capture-size",
    ),
    *_honoured("events of the KV cache are published as without us", "kv-events-config"),
)
