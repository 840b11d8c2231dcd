"""What this machine can run: what a check found, and those that need nothing of the rest."""

from __future__ import annotations

import math
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from slaibench.machine.hardware import most_open_files, num_cores

IMPORT_LIMIT_S = 180.0
"""An engine's modules come from a cold disk at first: half a minute is not rare."""
ENOUGH_FILES = 4096
"""Open connections of a load that is far above what an engine carries."""
WISHED_CORES = 4
"""An engine, its front end and the load share them without waiting for each other."""
COARSE_CLOCK_S = 1e-4
BROKEN_BUILDS = ("torchvision", "torchaudio", "torchcodec", "libc10_cuda", "libcudart")
"""In an import error of vLLM's build for CPUs: packages for GPUs that came along with it."""
REMOVE_BROKEN_BUILDS = "pip uninstall torchvision torchaudio torchcodec"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found about one thing.

    Args:
        name: what a user calls it: ``sim``, ``vllm:cpu``.
        works: None: there is nothing to decide.
        version: of what is there, or None.
        detail: what there is, or why not.
        fix: a command that would help, or None.
    """

    name: str
    works: bool | None
    version: str | None = None
    detail: str = ""
    fix: str | None = None


def run_error(python: str, code: str, env: Mapping[str, str]) -> str | None:
    """Why a short program fails in an interpreter, tried in a process of its own.

    Returns:
        the last line of the error, or None if it does not.
    """
    try:
        done = subprocess.run(
            [python, "-P", "-c", code],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=IMPORT_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return f"{code!r} takes more than {IMPORT_LIMIT_S:g} s"
    except OSError as error:
        return f"{python} cannot be run: {error.strerror}"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"{code!r} ends with status {done.returncode}"


def broken_import(name: str, version: str | None, error: str) -> Check:
    """The check of an engine that is installed and cannot be imported."""
    mixed = any(word in error for word in BROKEN_BUILDS)
    return Check(
        name,
        works=False,
        version=version,
        detail=f"installed, but importing it fails: {error}",
        fix=REMOVE_BROKEN_BUILDS if mixed else None,
    )


def open_files() -> Check:
    """How many connections the load may have open."""
    hard = most_open_files()
    if hard is None:
        return Check("client:files", works=None, detail="no limit is known")
    if hard >= ENOUGH_FILES:
        most = "any number of" if math.isinf(hard) else f"{hard:,}"
        return Check("client:files", works=True, detail=f"{most} open files a process")
    return Check(
        "client:files",
        works=False,
        detail=f"{hard:,} open files a process; overload needs more connections than that",
        fix=f"ulimit -Hn {ENOUGH_FILES}",
    )


def clock(now_s: Callable[[], float] = time.monotonic) -> Check:
    """How fine the clock is that the load and an engine's log share."""
    steps = []
    for _ in range(100):
        before = after = now_s()
        while after == before:
            after = now_s()
        steps.append(after - before)
    finest = min(steps)
    return Check(
        "client:clock",
        works=finest <= COARSE_CLOCK_S,
        detail=f"steps of {finest * 1e6:.2g} us",
    )


def cores() -> Check:
    """Whether an engine and the load find a core each."""
    count = num_cores()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    text = f"{count} core{'s' if count != 1 else ''}, load {load:.1f}"
    if count < WISHED_CORES:
        text += (
            f"; with fewer than {WISHED_CORES}, an engine that computes on the CPU and the load "
            "slow each other down: look at a run's send lag"
        )
    return Check("client:cores", works=count >= WISHED_CORES, detail=text)
