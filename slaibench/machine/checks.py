"""What this machine can run, and whether it holds still: checks of one thing, with what helps."""

from __future__ import annotations

import math
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from slaibench.machine import nvidia
from slaibench.machine.cpu import (
    STEADY_GOVERNOR,
    UNKNOWN_GOVERNOR,
    cpu_state,
    cpu_time,
    is_busy,
    others_cores,
)
from slaibench.machine.hardware import most_open_files, num_cores
from slaibench.machine.watch import slowing_settings

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
LOOK_S = 0.5
NO_GPU = "no GPU to look at"
WHO_IS_BUSY = "ps -eo pid,user,pcpu,etime,args --sort=-pcpu | head"
WHO_IS_ON_THE_GPU = "nvidia-smi --query-compute-apps=pid,used_memory,process_name --format=csv"
SET_GOVERNOR = f"sudo cpupower frequency-set -g {STEADY_GOVERNOR}"
HELD_SHARE = 0.9
"""Of its highest clock: what a GPU keeps up at its power limit. The H200 that we measured was taken
down to 93 % of it (results/gpu/h200-vllm-0.26/clocks.csv)."""
CLOCK_STEP_MHZ = 15
SLOWING_WORDS = frozenset(nvidia.slowing(nvidia.SLOWING))


@dataclass(frozen=True, slots=True)
class Check:
    """What a look at one thing said.

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


def governor() -> Check:
    """Whether cores keep one clock whatever they do."""
    governors = cpu_state().governors
    if not governors:
        return Check("cpu:governor", works=None, detail=UNKNOWN_GOVERNOR)
    steady = set(governors) == {STEADY_GOVERNOR}
    return Check(
        "cpu:governor",
        works=steady,
        detail=", ".join(governors) + ("" if steady else ": clocks follow the load"),
        fix=None if steady else SET_GOVERNOR,
    )


def idle(wait: Callable[[float], None] = time.sleep) -> Check:
    """Whether other processes leave the cores alone."""
    before = cpu_time()
    wait(LOOK_S)
    others = others_cores(before, cpu_time())
    if others is None:
        return Check("cpu:idle", works=None, detail="this system does not say who is busy")
    busy = is_busy(others)
    return Check(
        "cpu:idle",
        works=not busy,
        detail=f"other processes keep {others:.1f} of {os.cpu_count()} cores busy",
        fix=WHO_IS_BUSY if busy else None,
    )


def build() -> Check:
    """Whether anything is built, or set, for debugging."""
    settings = slowing_settings(os.environ)
    if not settings:
        return Check("build:debug", works=True, detail="no debug build and no debug setting")
    return Check(
        "build:debug",
        works=False,
        detail="; ".join(setting.what for setting in settings),
        fix=" && ".join(dict.fromkeys(setting.fix for setting in settings)),
    )


def gpu_idle() -> Check:
    """Whether anybody is on the GPUs."""
    try:
        if not nvidia.gpu_states():
            return Check("gpu:idle", works=None, detail=NO_GPU)
        running = nvidia.processes()
    except nvidia.NvidiaError as error:
        return Check("gpu:idle", works=None, detail=f"{NO_GPU}: {error}")
    if not running:
        return Check("gpu:idle", works=True, detail="no process computes there")
    names = ", ".join(f"{process.name} (pid {process.pid})" for process in running)
    return Check("gpu:idle", works=False, detail=f"on it now: {names}", fix=WHO_IS_ON_THE_GPU)


def gpu_persistence() -> Check:
    """Whether the driver stays loaded between runs."""
    try:
        states = nvidia.gpu_states()
    except nvidia.NvidiaError as error:
        return Check("gpu:persistence", works=None, detail=f"{NO_GPU}: {error}")
    modes = [state.values["persistence_mode"] for state in states]
    if not modes or None in modes:
        return Check("gpu:persistence", works=None, detail="the driver does not say")
    if all(modes):
        return Check("gpu:persistence", works=True, detail="the driver stays loaded")
    return Check(
        "gpu:persistence",
        works=False,
        detail="off: the driver is loaded anew by each first process, and forgets locked clocks",
        fix="sudo nvidia-smi -pm 1",
    )


def gpu_clocks() -> Check:
    """Whether the GPUs' clocks are held down now; whether they are locked no query says."""
    try:
        states = nvidia.gpu_states()
    except nvidia.NvidiaError as error:
        return Check("gpu:clocks", works=None, detail=f"{NO_GPU}: {error}")
    if not states:
        return Check("gpu:clocks", works=None, detail=NO_GPU)
    return parse_clocks(states)


def parse_clocks(states: tuple[nvidia.GpuState, ...]) -> Check:
    """The check of clocks, from the states of GPUs."""
    down = [
        f"GPU {number}: {reason}"
        for number, state in enumerate(states)
        for reason in state.values["clocks_event_reasons"] or ()
        if reason in SLOWING_WORDS
    ]
    fastest = states[0].values["sm_clock_max_mhz"]
    held = int(HELD_SHARE * fastest) // CLOCK_STEP_MHZ * CLOCK_STEP_MHZ if fastest else None
    lock = f"sudo nvidia-smi -lgc {held},{held}" if held else None
    if down:
        return Check(
            "gpu:clocks", works=False, detail=f"held down now: {'; '.join(down)}", fix=lock
        )
    limit = f" up to {fastest} MHz" if fastest else ""
    return Check(
        "gpu:clocks",
        works=None,
        detail=f"free{limit} unless they are locked, which no query tells",
        fix=lock,
    )
