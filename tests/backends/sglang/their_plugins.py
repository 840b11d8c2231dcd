"""Plug-ins of SGLang's, as somebody would write them, and an interpreter that has them."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.brought import package

CODE = '''
import os
import time
from pathlib import Path

from sglang.srt.plugins.hook_registry import HookRegistry, HookType

POLICY = "sglang.srt.managers.schedule_policy.SchedulePolicy.calc_priority"
SCHEDULER = "sglang.srt.managers.scheduler.Scheduler"
calls = []


def nothing():
    HookRegistry.register(POLICY, lambda own, *args, **more: own(*args, **more), HookType.AROUND)


def unused():
    target = "sglang.srt.managers.tokenizer_manager.TokenizerManager.generate_request"
    HookRegistry.register(target, print, HookType.BEFORE)


def shortest():
    """The shortest prompt first, for its first 500 looks, at a time of the run's."""

    def order(result, policy, waiting_queue, *args, **more):
        calls.append(time.time())
        assert 0 <= calls[-1] < 1e6, calls
        if len(calls) < 500:
            waiting_queue.sort(key=lambda request: len(request.origin_input_ids))

    HookRegistry.register(POLICY, order, HookType.AFTER)


def replaces():
    """A scheduler of its own, which extends SGLang's and fails at a prompt of 13 tokens."""
    from sglang.srt.managers.scheduler import Scheduler

    class Shortest(Scheduler):
        def get_new_batch_prefill(self, *args, **more):
            self.waiting_queue.sort(key=lambda request: len(request.origin_input_ids))
            if any(len(request.origin_input_ids) == 13 for request in self.waiting_queue):
                raise KeyError("a fault of its own")
            return super().get_new_batch_prefill(*args, **more)

    HookRegistry.register(SCHEDULER, Shortest, HookType.REPLACE)


def raises():
    raise KeyError("a fault of its own")


def ends():
    os._exit(0)


def hangs():
    while True:
        pass


def absent():
    HookRegistry.register(f"{SCHEDULER}.no_such_method", print, HookType.AFTER)


def wraps():
    HookRegistry.register(SCHEDULER, print, HookType.AFTER)


def foreign():
    HookRegistry.register(SCHEDULER, type("Foreign", (), {}), HookType.REPLACE)


def uninvited():
    Path(__file__).with_name("uninvited").touch()
'''
NAMES = (
    *("nothing", "unused", "shortest", "replaces", "raises", "ends", "absent", "wraps"),
    *("foreign", "uninvited", "hangs"),
)


def interpreter_with(folder: Path, python: str) -> str:
    """A Python with these plug-ins installed.

    Args:
        folder: theirs, and its.
        python: what it is besides.
    """
    points = "\n".join(f"{name} = theirs:{name}" for name in NAMES)
    hardware = "[sglang.srt.platforms]\nhardware = theirs:uninvited"
    package(folder, "sglang.srt.plugins", f"{points}\n{hardware}", CODE)
    script = folder / "python"
    script.write_text(
        f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:"{shlex.quote(str(folder))} '
        f'exec {shlex.quote(python)} "$@"\n'
    )
    script.chmod(0o755)
    return str(script)
