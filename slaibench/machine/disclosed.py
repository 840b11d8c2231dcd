"""What of a machine's settings may stand in a file that others read: an allow list.

A list of words that speak of secrets is never whole. So a value is shown where its name is known
to decide how engines run, and where it has the form that such values have; all else is hidden.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import re
import shlex
import socket
from contextlib import suppress
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, PlainSerializer

HIDDEN = "(set, not shown)"
_CHOICES = """
    FASTEST_FIRST PCI_BUS_ID LAZY EAGER DEFAULT MALLOC PYMALLOC MIMALLOC DEBUG MALLOC_DEBUG
    PYMALLOC_DEBUG MIMALLOC_DEBUG VERSION WARN INFO TRACE ABORT LOC NVL PIX PXB PHB SYS RING
    TREE COLLNETDIRECT COLLNETCHAIN NVLS NVLSTREE PAT LL LL128 SIMPLE TRUE FALSE MASTER PRIMARY
    CLOSE SPREAD STATIC DYNAMIC GUIDED AUTO ACTIVE PASSIVE GRANULARITY FINE CORE THREAD TILE
    COMPACT SCATTER BALANCED DISABLED NONE VERBOSE NOVERBOSE RESPECT NORESPECT INTEL GNU TBB
    SEQUENTIAL PGI WARNING ERROR CRITICAL HIGHEST HIGH MEDIUM IEEE TF32 NHD HND CUDA CPU ROCM
    TPU XPU EMPTY FORK SPAWN FORKSERVER THROUGHPUT LATENCY MASKED_GEMM TRTLLM MNNVL FLASH_ATTN
    FLASH_ATTN_VLLM_V1 FLASHINFER FLASHINFER_MLA FLASHMLA FLASHMLA_SPARSE FLASH_ATTN_MLA
    TRITON_ATTN TRITON_ATTN_VLLM_V1 TRITON_MLA CUTLASS_MLA XFORMERS TORCH_SDPA CPU_ATTN
    FLEX_ATTENTION ROCM_FLASH ROCM_ATTN ROCM_AITER_FA ROCM_AITER_MLA TREE_ATTN
"""
CHOICES = frozenset(_CHOICES.split())
"""Words of CUDA's, Python's, NCCL's, OpenMP's and vLLM's manuals, in capitals."""
MARK = "hidden:"
"""Before the digest that stands for a value which a recording does not show."""
_SALT = b"slaibench"


_PART = r"(?:[a-z]{1,18}\d{0,4}(?:[a-z]{1,4}\d{0,4}){0,2}|[A-Z]{1,18}\d{0,4}|\d{1,4})"
"""Of a choice: letters in one case with a number, or a number."""


class Form(Enum):
    """What a value looks like that may be shown."""

    NUMBERS = re.compile(
        r"[+-]?\d{1,12}(\.\d{1,9})?([eE][+-]?\d{1,3})?[KMGTkmgt]?[Ii]?[Bb]?"
        r"([,:;|-]\d{1,6})*|true|false|yes|no|on|off|auto|none|all|",
        re.IGNORECASE,
    )
    """A number, a list or range of some, or a switch."""
    WORD = re.compile(rf"(?=.{{1,26}}\Z){_PART}(?:[_.+-]{_PART})*")
    """A choice among the engine's own: short, of words in one case and small numbers."""
    CHOICE = re.compile(r"[\w.,=-]{1,80}")
    """A choice of those in ``CHOICES``, or several of them with numbers."""
    SETTINGS = re.compile(
        r"[\w.]{1,60}[:=]([+-]?\d{1,12}|[A-Za-z]{1,16}|\[[\w:,]{0,80}\])"
        r"([,:][\w.]{1,60}[:=]([+-]?\d{1,12}|[A-Za-z]{1,16}|\[[\w:,]{0,80}\]))*"
    )
    """Names with values: ``max_split_size_mb:128,expandable_segments:True``."""
    LIBRARIES = re.compile(r"lib\w{1,24}([-+]\w{1,12})*\.so[.\d]*")
    """Files of shared libraries, each of such a name: that is shown, not where they lie."""
    JSON = re.compile(r"[\[{].*[\]}]", re.DOTALL)
    """A configuration: numbers, switches, and the choices in it."""

    def shows(self, value: str) -> str | None:
        """The value as it may be shown; None: it has another form."""
        if self is Form.LIBRARIES:
            names = [file.rpartition("/")[2] for file in re.split(r"[\s:]+", value) if file]
            return " ".join(names) if all(map(self.value.fullmatch, names)) else None
        if self.value.fullmatch(value) is None:
            return None
        if self is Form.CHOICE:
            parts = re.split(r"[,=]", value)
            listed = all(part.upper() in CHOICES or part.isdecimal() for part in parts)
            return value if listed else None
        if self is Form.JSON:
            with suppress(ValueError, RecursionError):
                return value if _is_plain(json.loads(value)) else None
            return None
        return value


def _is_plain(value: Any) -> bool:
    """Whether all of a configuration is numbers, switches and short words."""
    match value:
        case dict():
            return all(_is_plain(name) and _is_plain(inner) for name, inner in value.items())
        case list():
            return all(map(_is_plain, value))
        case str():
            return Form.WORD.shows(value) is not None
    return True


@lru_cache(maxsize=256)  # every cell of a study asks for the same ones
def digest(value: str) -> str:
    """Stands for a hidden value, so that two recordings can be told apart by it.

    By a function that is slow on purpose (scrypt, RFC 7914), so that short values are not found by
    trying.
    """
    made = hashlib.scrypt(value.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=6)
    return f"{MARK}{made.hex()}"


def is_digest(text: str) -> bool:
    """Whether a text stands for a hidden value."""
    return text.startswith(MARK)


def without_places(text: str) -> str:
    """A message without paths, addresses, the host and the user."""
    text = re.sub(r"\w+://\S+", "(an address)", text)
    text = re.sub(r"\b\d{1,3}(\.\d{1,3}){3}\b(:\d+)?", "(an address)", text)
    text = re.sub(r"(?<![\w.~/])~?(/[^\s/'\",:;()]+)+/?", _place, text)
    for name in _owners():
        text = re.sub(rf"\b{re.escape(name)}\b", "(a name)", text)
    return text


def _place(path: re.Match[str]) -> str:
    """The system's own files are the same on every machine."""
    return path[0] if path[0].startswith(("/sys/", "/proc/", "/dev/")) else "(a path)"


def _owners() -> list[str]:
    names = [socket.gethostname()]
    with suppress(OSError, KeyError, ImportError):  # no name for the user's number
        names.append(getpass.getuser())
    return [name for name in names if name not in {"", "root", "localhost"}]


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


def disclosed_arguments(text: str) -> str:
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


def hides_arguments(text: str) -> bool:
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


def _disclosed_or_none(text: str | None) -> str | None:
    return text and disclosed_arguments(text)


EngineArgs = Annotated[
    str | None, PlainSerializer(_disclosed_or_none, when_used="json", return_type=str | None)
]
"""More arguments of an engine's server: what may be secret in them is written nowhere."""
RecordedArgs = Annotated[str | None, AfterValidator(_disclosed_or_none)]
"""The same of a cell, which starts no engine itself."""
