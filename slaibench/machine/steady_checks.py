"""Whether this machine holds still: what makes the same run take another time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from slaibench.machine import nvidia
from slaibench.machine.checks import Check
from slaibench.machine.clocks import SLOWING, slowing
from slaibench.machine.cpu_state import STEADY_GOVERNOR, UNKNOWN_GOVERNOR, cpu_state
from slaibench.machine.cpu_time import cpu_time, is_busy, others_cores
from slaibench.machine.debugging import slowing_settings
from slaibench.machine.gpu_state import GpuState, gpu_states

LOOK_S = 0.5
NO_GPU = "no GPU to look at"
WHO_IS_BUSY = "ps -eo pid,user,pcpu,etime,args --sort=-pcpu | head"
WHO_IS_ON_THE_GPU = "nvidia-smi --query-compute-apps=pid,used_memory,process_name --format=csv"
SET_GOVERNOR = f"sudo cpupower frequency-set -g {STEADY_GOVERNOR}"
HELD_SHARE = 0.9
"""Of its highest clock: what a GPU keeps up at its power limit. The H200 that we measured was taken
down to 93 % of it (results/gpu/h200-vllm-0.26/clocks.csv)."""
CLOCK_STEP_MHZ = 15
SLOWING_WORDS = frozenset(slowing(SLOWING))


def governor() -> Check:
    """Whether cores keep one clock whatever they do."""
    found = cpu_state().governors
    if not found:
        return Check("cpu:governor", works=None, detail=UNKNOWN_GOVERNOR)
    steady = set(found) == {STEADY_GOVERNOR}
    return Check(
        "cpu:governor",
        works=steady,
        detail=", ".join(found) + ("" if steady else ": clocks follow the load"),
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
    found = slowing_settings(os.environ)
    if not found:
        return Check("build:debug", works=True, detail="no debug build and no debug setting")
    return Check(
        "build:debug",
        works=False,
        detail="; ".join(each.what for each in found),
        fix=" && ".join(dict.fromkeys(each.fix for each in found)),
    )


def gpu_idle() -> Check:
    """Whether anybody is on the GPUs."""
    try:
        if not gpu_states():
            return Check("gpu:idle", works=None, detail=NO_GPU)
        found = nvidia.processes()
    except nvidia.NvidiaError as error:
        return Check("gpu:idle", works=None, detail=f"{NO_GPU}: {error}")
    if not found:
        return Check("gpu:idle", works=True, detail="no process computes there")
    told = ", ".join(f"{each.name} (pid {each.pid})" for each in found)
    return Check("gpu:idle", works=False, detail=f"on it now: {told}", fix=WHO_IS_ON_THE_GPU)


def gpu_persistence() -> Check:
    """Whether the driver stays loaded between runs."""
    try:
        states = gpu_states()
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
    """Whether the GPUs' clocks are held down now; whether they are locked nobody tells."""
    try:
        states = gpu_states()
    except nvidia.NvidiaError as error:
        return Check("gpu:clocks", works=None, detail=f"{NO_GPU}: {error}")
    if not states:
        return Check("gpu:clocks", works=None, detail=NO_GPU)
    return parse_clocks(states)


def parse_clocks(states: tuple[GpuState, ...]) -> Check:
    """The check of clocks, from GPUs that were asked."""
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
    told = f" up to {fastest} MHz" if fastest else ""
    return Check(
        "gpu:clocks",
        works=None,
        detail=f"free{told} unless they are locked, which no query tells",
        fix=lock,
    )
