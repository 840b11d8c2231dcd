"""Debug builds and settings that make an engine slower than it is."""

from __future__ import annotations

import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass

from slaibench.machine.packages import torch_is_debug

OFF = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Slowing:
    """Something that should not be there in a measurement.

    Args:
        what: a sentence, the same wherever it is found.
        fix: a command that takes it away.
    """

    what: str
    fix: str


SWITCHES = {
    "CUDA_LAUNCH_BLOCKING": "the engine waits for every kernel before it starts the next",
    "VLLM_TRACE_FUNCTION": "vLLM logs every function call",
    "TORCHDYNAMO_DISABLE": "nothing is compiled: the model runs eagerly",
    "TORCH_COMPILE_DISABLE": "nothing is compiled: the model runs eagerly",
    "SGLANG_ENABLE_STRICT_MEM_CHECK_DURING_BUSY": "SGLang checks its memory at every step",
    "SGLANG_CHECK_KV_PAGE_INVARIANTS": "SGLang checks its KV pages at every step",
    "PYTHONDEVMODE": "Python runs in its development mode",
    "PYTHONASYNCIODEBUG": "asyncio debugs its event loop",
}
"""Environment variables that slow a run down when they are on, and how."""
WORDS = {
    "VLLM_LOGGING_LEVEL": ({"DEBUG"}, "vLLM logs at DEBUG"),
    "NCCL_DEBUG": ({"INFO", "TRACE"}, "NCCL logs what it does"),
    "PYTHONMALLOC": ({"DEBUG", "MALLOC_DEBUG"}, "Python debugs its memory"),
}
"""The same, of variables that take a word."""


def slowing_settings(env: Mapping[str, str]) -> tuple[Slowing, ...]:
    """What slows down, of a process with this environment in this Python."""
    found = [
        Slowing(f"{name} is set: {how}", f"unset {name}")
        for name, how in SWITCHES.items()
        if env.get(name, "").lower() not in OFF
    ]
    found += [
        Slowing(f"{name} is {env[name]}: {how}", f"unset {name}")
        for name, (words, how) in WORDS.items()
        if env.get(name, "").upper() in words
    ]
    if torch_is_debug():
        found.append(Slowing("PyTorch is a debug build", "pip install --force-reinstall torch"))
    if sysconfig.get_config_var("Py_DEBUG"):
        found.append(
            Slowing("this Python is a debug build", "python3 -m venv .venv  # of another Python")
        )
    return tuple(found)
