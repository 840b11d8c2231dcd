"""SGLang's own flags under our schedulers (``slaibench.backends.engines.flags``).

What is refused, and with which value, is the adapter's to say
(``slaibench.schedulers.engines.sglang_flags``). A flag that acts only together with a refused one
needs no refusal of its own.
"""

from __future__ import annotations

from slaibench.backends.engines.flags import Flag, FlagVerdict
from slaibench.schedulers.engines.sglang_flags import REFUSALS

GROUPS = ("schedule", "memory", "parallel", "lora", "disagg", "spec")
"""Groups of SGLang's ``ServerArgs`` that concern us: every flag of theirs is in the table."""
STEMS = ("schedul", "preempt", "retract", "priorit", "queue", "running", "lora", "session", "dllm")
"""Of flags in other groups, and in releases that have no groups."""
OTHERS = ("asr-max-concurrent-sessions", "enable-metrics-for-all-schedulers")
"""Names with such a stem that concern something else: audio, metrics."""

_SET_BY_US = "set from a study's or scheduler's options"
_HONOURED = {
    _SET_BY_US: (
        *("max-running-requests", "chunked-prefill-size", "max-total-tokens", "page-size"),
        "disable-radix-cache",
    ),
    "without it a batch is decided while the one before runs; a scheduler can do both": (
        "disable-overlap-schedule",
    ),
    "must be given: batches hold chunks and decodes together": ("enable-mixed-chunk",),
    "SGLang sizes its KV cache with it; the blocks that there are bound every batch": (
        *("mem-fraction-static", "prefill-only-disable-kv-cache"),
    ),
    "SGLang refuses who comes beyond it, before a scheduler hears of it": (
        "max-queued-requests",
        "abort-on-priority-when-disabled",
    ),
    "SGLang looks for new requests as often; a scheduler sees them then": (
        "scheduler-recv-interval",
    ),
    "prefixes are kept and evicted by it; schedulers see what is found": (
        "radix-eviction-policy",
        "radix-eviction-policy-config",
    ),
    "how SGLang stores or computes; no scheduler sees it": (
        *("disable-chunked-prefix-cache", "enable-page-major-kv-layout", "enable-p2p-check"),
        *("dist-timeout", "nccl-port", "gated-launch-port", "language-only"),
        *("language-model-only", "enable-adaptive-dispatch-to-encoder"),
    ),
    "requests that would need one adapter more wait, and are not shown to a scheduler": (
        "max-loras-per-batch",
        "lora-drain-wait-threshold",
    ),
    "how SGLang loads, keeps and computes adapters": (
        *("enable-lora", "max-lora-rank", "lora-target-modules", "lora-paths"),
        *("max-loaded-loras", "lora-eviction-policy", "lora-backend", "max-lora-chunk-size"),
        *("experts-shared-outer-loras", "lora-use-virtual-experts", "lora-strict-loading"),
    ),
}
_ONLY_WITH = {
    "enable-priority-scheduling": (
        *("disable-priority-preemption", "default-priority-value"),
        *("schedule-low-priority-values-first", "priority-scheduling-preemption-threshold"),
    ),
    "prefill-decode-interval": ("prefill-decode-interval-min-bs",),
    "enable-prefill-delayer": (
        *("prefill-delayer-max-delay-passes", "prefill-delayer-token-usage-low-watermark"),
        *("prefill-delayer-forward-passes-buckets", "prefill-delayer-wait-seconds-buckets"),
        *("prefill-delayer-queue-min-ratio", "prefill-delayer-max-delay-ms"),
    ),
    "enable-hierarchical-cache": (
        *("hicache-host-memory-mode", "hicache-ratio", "hicache-size"),
        *("hicache-host-memory-fraction", "hicache-write-policy", "hicache-io-backend"),
        *("hicache-mem-layout", "hicache-storage-backend", "hicache-storage-prefetch-policy"),
        "hicache-storage-backend-extra-config",
        "hicache-storage-prefetch-retry-poll-interval",
        "hicache-storage-prefetch-retry-max-attempts",
    ),
    "enable-unified-cache-external-linker": (
        *("unified-cache-external-linker-backend", "unified-cache-external-linker-config"),
        "enable-linker-mla-dedup",
    ),
    "enable-hisparse": ("hisparse-config",),
    "enable-lmcache": ("lmcache-config-file",),
    "enable-flexkv": ("flexkv-config-file",),
    "nnodes": ("dist-init-addr", "node-rank"),
    "pp-size": ("pp-max-micro-batch-size", "pp-async-batch-depth"),
    "dp-size": ("load-balance-method",),
    "dcp-size": ("dcp-comm-backend", "dcp-replicate-q-proj"),
    "enable-prefill-cp": (
        *("cp-strategy", "enable-dsa-cache-layer-split", "enable-cp-decode-attn-tp"),
    ),
    "attn-dp-size": (
        *("enable-dp-attention-local-control-broadcast", "enable-dp-lm-head"),
        *("enable-tp-lm-head-all-to-all", "enable-dense-mlp-attn-tp", "moe-dense-tp-size"),
    ),
    "tp-size": (
        *("enable-attn-tp-input-scattered", "enable-layernorm-sp", "disable-attn-tp-gather"),
        *("enable-megamoe-for-layernorm-sp", "enable-shared-experts-attn-tp"),
        "shared-experts-tp-size",
    ),
    "max-ep-size": ("ep-join-rank-offset", "elastic-ep-initial-size"),
    "encoder-only": (
        *("encoder-transfer-backend", "encoder-urls", "encoder-bootstrap-port"),
        "encoder-register-urls",
    ),
    "dllm-algorithm": ("dllm-algorithm-config", "dllm-fdfo"),
    "enable-pdmux": ("pdmux-config-path", "sm-group-num"),
    "decoupled-spec-role": (
        *("decoupled-spec-bind-endpoint", "decoupled-spec-connect-endpoints"),
        *("decoupled-spec-rank", "spec-trace-dir"),
    ),
    "disaggregation-mode": (
        *("disaggregation-decode-allocation-policy", "disaggregation-transfer-backend"),
        *("disaggregation-enable-kv-checksum", "disaggregation-bootstrap-port"),
        *("disaggregation-ib-device", "disaggregation-decode-enable-radix-cache"),
        *("disaggregation-decode-enable-offload-kvcache", "num-reserved-decode-tokens"),
        *("disaggregation-decode-retraction-backup", "disaggregation-decode-extra-slots"),
        *("disaggregation-decode-polling-interval", "optimistic-prefill-attempts"),
        "disaggregation-decode-host-receive-threshold",
    ),
    "speculative-algorithm": (
        *("enable-multi-layer-eagle", "uno-lora-path"),
        *(
            f"speculative-{name}"
            for name in (
                *("draft-model-path", "draft-model-revision", "draft-load-format", "num-steps"),
                *("eagle-topk", "num-draft-tokens", "dflash-block-size", "dspark-block-size"),
                *("domino-candidate-pool-size", "dspark-sps-table-path"),
                *("dspark-confidence-sts-path", "dspark-align-verify-tokens-to-graph-tier"),
                *("accept-threshold-single", "accept-threshold-acc", "use-rejection-sampling"),
                *("use-block-verification", "token-map", "attention-mode"),
                *("draft-attention-backend", "dsa-topk-backend", "draft-kv-cache-dtype"),
                *("draft-window-size", "draft-sink-size", "moe-runner-backend"),
                *("moe-a2a-backend", "enable-w4a4-mxfp4-megamoe", "draft-model-quantization"),
                *("adaptive", "adaptive-config", "ngram-min-bfs-breadth"),
                *("ngram-max-bfs-breadth", "ngram-match-type", "ngram-max-trie-depth"),
                *("ngram-capacity", "ngram-external-corpus-path", "ngram-external-sam-budget"),
                "ngram-external-corpus-max-tokens",
            )
        ),
    ),
}
_OTHER_MODELS = (
    *("c128-page-size", "swa-full-tokens-ratio", "swa-prefix-tails", "disable-hybrid-swa-memory"),
    *("max-mamba-cache-size", "mamba-full-memory-ratio"),
)

FLAGS: tuple[Flag, ...] = (
    *(Flag(name, FlagVerdict.HONOURED, why) for why, names in _HONOURED.items() for name in names),
    *(
        Flag(
            refusal.flag,
            FlagVerdict.REFUSED,
            refusal.why + ("; taken with `--scheduler engine`" if refusal.own_rule else ""),
        )
        for refusal in REFUSALS
    ),
    *(
        Flag(name, FlagVerdict.REFUSED, f"acts only with `--{other}`, which is refused")
        for other, names in _ONLY_WITH.items()
        for name in names
    ),
    *(
        Flag(
            name,
            FlagVerdict.REFUSED,
            "of models with several pools of KV blocks, which are refused",
        )
        for name in _OTHER_MODELS
    ),
)
ACT_ONLY_WITH = {name: other for other, names in _ONLY_WITH.items() for name in names}
"""Flags that need no refusal, and the refused one without which each of them does nothing."""
