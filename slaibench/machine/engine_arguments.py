"""How an engine's arguments stand in a recording: in full where they decide how it runs."""

from __future__ import annotations

import re
import shlex
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer

from slaibench.machine.disclosed import Form, digest, is_digest


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OF_NUMBERS = _words(
    """
    api-server-count async-scheduling batch-notify-size block-size chunked-prefill-size
    context-length cpu-offload-gb cpu-offload-max-gb cuda-graph-bs cuda-graph-bs-decode
    cuda-graph-max-bs cuda-graph-max-bs-decode cudagraph-capture-sizes data-parallel-size
    data-parallel-size-local dbo-decode-token-threshold dbo-prefill-token-threshold dcp-size
    decode-attention-num-splits decode-context-parallel-size disable-cascade-attn
    disable-cuda-graph disable-custom-all-reduce disable-hybrid-kv-cache-manager
    disable-log-stats disable-overlap-schedule disable-radix-cache disable-sliding-window
    dp-size enable-chunked-prefill enable-dbo enable-dp-attention enable-dp-lm-head enable-eplb
    enable-expert-parallel enable-hierarchical-cache enable-lora enable-lora-overlap-loading
    enable-metrics enable-mixed-chunk enable-prefix-caching enable-prompt-embeds
    enable-sleep-mode enable-torch-compile enable-two-batch-overlap enforce-eager ep-size
    eplb-rebalance-num-iterations expert-parallel-size fully-sharded-loras
    gpu-memory-utilization hicache-ratio hicache-size kv-cache-memory-bytes kv-offloading-size
    kv-sharing-fast-prefill language-model-only long-prefill-token-threshold lora-eviction-batch
    mamba-block-size mamba-full-memory-ratio max-cpu-loras max-cudagraph-capture-size
    max-loaded-loras max-logprobs max-long-partial-prefills max-lora-rank max-loras
    max-loras-per-batch max-mamba-cache-size max-micro-batch-size max-model-len
    max-num-active-seqs max-num-batched-tokens max-num-partial-prefills max-num-queued-reqs
    max-num-queued-tokens max-num-scheduled-tokens max-num-seqs max-parallel-loading-workers
    max-prefill-tokens max-queued-requests max-running-requests max-total-tokens
    mem-fraction-static moe-dense-tp-size nnodes node-rank num-continuous-decode-steps
    num-gpu-blocks-override num-lookahead-slots num-reserved-decode-tokens numa-bind
    offload-group-size optimization-level page-size pipeline-parallel-size
    pp-max-micro-batch-size pp-size prefill-context-parallel-size prefill-max-requests
    prefill-schedule-interval prefix-cache-retention-interval random-seed
    schedule-conservativeness scheduler-recv-interval scheduler-reserve-full-isl seed
    skip-server-warmup skip-tokenizer-init spec-tokens speculative-eagle-topk
    speculative-num-draft-tokens speculative-num-steps stream-interval swa-full-tokens-ratio
    swap-space tbo-token-distribution-threshold tensor-parallel-size tokenizer-worker-num
    torch-compile-max-bs tp-size trust-remote-code ubatch-size use-tqdm-on-load watermark
    """
)
"""Flags of vLLM and SGLang whose value is a number, a list of some, or a switch."""
OF_WORDS = _words(
    """
    all2all-backend attention-backend config-format convert cpu-offload-backend
    data-parallel-backend dcp-comm-backend decode-attention-backend device disaggregation-mode
    distributed-executor-backend dtype eviction-policy expert-placement-strategy
    fp8-gemm-backend gdn-prefill-backend generation-config grammar-backend hicache-io-backend
    hicache-mem-layout hicache-write-policy kv-cache-dtype kv-offloading-backend linear-backend
    load-balance-method load-format logprobs-mode lora-backend lora-dtype lora-eviction-policy
    mamba-cache-dtype mamba-cache-mode mamba-scheduler-strategy mamba-ssm-cache-dtype
    mm-attention-backend mm-encoder-attn-backend model-impl moe-a2a-backend moe-backend
    moe-runner-backend performance-mode prefill-attention-backend prefix-caching-hash-algo
    quantization radix-eviction-policy runner sampling-backend schedule-policy scheduling-policy
    speculative-algorithm speculative-attention-mode tokenizer-mode torchao-config
    """
)
"""Those whose value is one of a few words."""
OF_JSON = _words(
    """
    attention-config compilation-config eplb-config kernel-config mamba-config
    override-generation-config structured-outputs-config
    """
)
"""Those whose value is a configuration."""
SHORT = {
    **{"tp": "tensor-parallel-size", "pp": "pipeline-parallel-size", "dp": "data-parallel-size"},
    **{"ep": "enable-expert-parallel", "dcp": "decode-context-parallel-size"},
    **{"q": "quantization", "O": "optimization-level", "cc": "compilation-config"},
    "ac": "attention-config",
}
"""Names of one dash. Another word of one dash may be the value of the flag before it."""
FORMS = (
    (OF_NUMBERS, (Form.NUMBERS,)),
    (OF_WORDS, (Form.NUMBERS, Form.WORD)),
    (OF_JSON, (Form.NUMBERS, Form.JSON)),
)
_FLAG = re.compile(
    r"(--(?P<name>[A-Za-z][\w-]{0,60})|-(?P<short>[A-Za-z]{1,3}?)\d?)"
    r"(?P<inner>\.[\w.-]{1,60})?"
)


def disclosed(text: str) -> str:
    """Arguments as a recording and a page have them.

    Args:
        text: quoted as for a shell.

    Returns:
        The same text where all of it may be shown. A value of another flag, or of another form
        than its flag's values have, is replaced by a digest: two runs that differ in it differ.
    """
    words = shlex.split(text)
    shown: list[str] = []
    forms: tuple[Form, ...] = ()
    for word in words:
        flag, equals, value = word.partition("=")
        named = _FLAG.fullmatch(flag)
        name = (named["name"] or SHORT.get(named["short"])) if named else None
        if named is None or name is None:
            shown.append(_value(word, forms))
            continue
        forms = _forms(name, inner=named["inner"] is not None)
        shown.append(f"{flag}={_value(value, forms)}" if equals else flag)
    return text if shown == words else shlex.join(shown)


def hides(text: str) -> bool:
    """Whether arguments are as a recording has them, with something left out."""
    return any(is_digest(word.rpartition("=")[2]) for word in shlex.split(text))


def _forms(name: str, *, inner: bool) -> tuple[Form, ...]:
    """Of the values of a flag; vLLM writes one value of a configuration after a dot."""
    name = name.replace("_", "-")
    if inner:
        return (Form.NUMBERS, Form.WORD) if name in OF_JSON else ()
    for flags, forms in FORMS:
        if {name, name.removeprefix("no-")} & flags:
            return forms
    return ()


def _value(text: str, forms: tuple[Form, ...]) -> str:
    if is_digest(text) or any(form.shows(text) is not None for form in forms):
        return text
    return digest(text)


def _disclosed(text: str | None) -> str | None:
    return text and disclosed(text)


EngineArgs = Annotated[
    str | None, PlainSerializer(_disclosed, when_used="json", return_type=str | None)
]
"""More arguments of an engine's server: what may be secret in them is written nowhere."""
RecordedArgs = Annotated[str | None, AfterValidator(_disclosed)]
"""The same of a cell, which starts no engine itself."""
