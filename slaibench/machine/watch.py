"""What makes a measurement unsteady, looked for while it goes on."""

from __future__ import annotations

import os
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from slaibench.machine import nvidia
from slaibench.machine.clocks import Clocks, reasons_of
from slaibench.machine.cpu import (
    STEADY_GOVERNOR,
    CpuTime,
    cpu_state,
    cpu_time,
    is_busy,
    is_ours,
    others_cores,
)
from slaibench.machine.interpreters import torch_is_debug
from slaibench.machine.nvidia import GpuProcess, NvidiaError, slowing

SLACK_S = 2.0
"""Between the end of a run and that of the watch: an engine's log is read to its end."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a run.

    Args:
        facts: for its record: ``clocks`` of the GPUs (``Clocks.between``), ``gpu_processes`` (of
            others), ``others_cores`` (that others kept busy), ``governors``.
        notes: sentences that a reader of its numbers must see. They hold no number of this run,
            so that several runs say the same thing once.
    """

    facts: dict[str, Any]
    notes: tuple[str, ...]


class Watch:
    """Looks at this machine from its start to its end. Use as a context manager.

    Args:
        gpu: whether the run computes on GPUs.
        fresh: whether nothing of this process's is on the GPUs yet.
        alone: whether nothing else should work here; False where the server that is loaded runs
            on this machine and is somebody else's.
    """

    def __init__(self, *, gpu: bool, fresh: bool, alone: bool) -> None:
        self._gpu, self._fresh, self._alone = gpu, fresh, alone
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._clocks: Clocks | None = None
        self._before: CpuTime | None = None
        self._after: CpuTime | None = None
        self._users: list[GpuProcess] = []
        self._ours: set[str] = set()

    def __enter__(self) -> Self:
        self._begun = self._ended = datetime.now().astimezone()
        if self._gpu:
            self._look(fresh=self._fresh)
            self._folder = tempfile.TemporaryDirectory(prefix="slaibench-")
            self._clocks = Clocks(Path(self._folder.name) / "clocks.csv").__enter__()
        self._before = cpu_time()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._after = cpu_time()
        self._ended = datetime.now().astimezone()
        if self._clocks is not None:
            self._clocks.__exit__()
            self._look(fresh=False)
        if kind is not None and self._folder is not None:
            self._folder.cleanup()

    def seen(self, last_s: float) -> Seen:
        """What was seen, once the watch is over.

        Args:
            last_s: length of the run itself, which is the last part of what was watched: an engine
                may have been started before.
        """
        facts: dict[str, Any] = {}
        notes = [setting.what for setting in slowing_settings(os.environ)]
        governors = cpu_state().governors
        if governors:
            facts["governors"] = list(governors)
        if set(governors) - {STEADY_GOVERNOR}:
            notes.append(
                f"the CPU governor is {', '.join(governors)}, not {STEADY_GOVERNOR}: clocks follow "
                "the load"
            )
        others = others_cores(self._before, self._after)
        if others is not None and self._alone:
            facts["others_cores"] = round(others, 3)
            if is_busy(others):
                notes.append("other processes kept part of this machine's cores busy in the run")
        if self._clocks is not None:
            gpu_facts, gpu_notes = self._seen_of_gpus(self._clocks, last_s)
            facts |= gpu_facts
            notes += gpu_notes
        if self._folder is not None:
            self._folder.cleanup()
        return Seen(facts, tuple(notes))

    def _seen_of_gpus(self, clocks: Clocks, last_s: float) -> tuple[dict[str, Any], list[str]]:
        begun = max(self._begun, self._ended - timedelta(seconds=last_s + SLACK_S))
        readings = clocks.between(begun, self._ended, self._ours)
        names = sorted(
            {user.name for user in self._users if not self._ours or user.gpu_uuid in self._ours}
        )
        reasons = slowing(reasons_of(readings))
        notes = [f"the GPU was held down in the run: {reason}" for reason in reasons]
        if names:
            notes.append(f"other processes were on the GPU: {', '.join(names)}")
        return {"clocks": readings or None, "gpu_processes": names}, notes

    def _look(self, *, fresh: bool) -> None:
        """Who is on which GPU now.

        In a container the driver's process numbers may be those outside. That shows in our own
        engine's not being among them; then only what is there before it starts is known to be
        others'.
        """
        try:
            running = nvidia.processes()
        except NvidiaError:
            return
        ours = [process for process in running if is_ours(process.pid)]
        self._ours |= {process.gpu_uuid for process in ours}
        if ours or fresh:
            self._users += [process for process in running if process not in ours]


OFF = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Slowing:
    """Something that should not be there in a measurement.

    Args:
        what: a sentence, the same wherever it appears.
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
    settings = [
        Slowing(f"{name} is set: {how}", f"unset {name}")
        for name, how in SWITCHES.items()
        if env.get(name, "").lower() not in OFF
    ]
    settings += [
        Slowing(f"{name} is {env[name]}: {how}", f"unset {name}")
        for name, (words, how) in WORDS.items()
        if env.get(name, "").upper() in words
    ]
    if torch_is_debug():
        settings.append(Slowing("PyTorch is a debug build", "pip install --force-reinstall torch"))
    if sysconfig.get_config_var("Py_DEBUG"):
        settings.append(
            Slowing("this Python is a debug build", "python3 -m venv .venv  # of another Python")
        )
    return tuple(settings)
