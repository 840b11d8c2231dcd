"""What of a machine's settings may stand in a file that others read: an allow list.

A list of words that speak of secrets is never whole. So a value is shown where its name is known
to decide how engines run, and where it has the form that such values have; all else is hidden.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import re
import socket
from contextlib import suppress
from enum import Enum
from functools import lru_cache
from typing import Any

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
