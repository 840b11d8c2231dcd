"""An alarm at an absolute time, finer than the event loop's own timers (whole milliseconds).

On Linux a ``timerfd`` on the monotonic clock: the kernel's high-resolution timer makes it readable
at the instant, without polling and without the slack that sleeping calls have. Elsewhere the loop's
timer, set early, and then one turn of the loop after another until it is time.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

_TFD_TIMER_ABSTIME = 1
_LOOP_TIMER_EARLY_S = 0.002


class Alarm(Protocol):
    """Calls back, once for each ``set``; a later ``set`` replaces an earlier one."""

    def set(self, at_s: float) -> None:
        """Call back at this monotonic time, or at the loop's next turn if it is past."""

    def close(self) -> None:
        """Never call back again."""


def make_alarm(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> Alarm:
    """The best this system has."""
    return TimerFd(loop, callback) if sys.platform == "linux" else LoopAlarm(loop, callback)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerFd:
    """timerfd_create(2), by way of the C library (Python has it from 3.13 on)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self._fd = self._libc.timerfd_create(time.CLOCK_MONOTONIC, flags)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = _Itimerspec()
        self._callback = callback
        self._loop = loop
        loop.add_reader(self._fd, self._expired)

    def set(self, at_s: float) -> None:
        """As ``Alarm``."""
        # A value of zero would disarm it.
        nanoseconds = max(1, round(at_s * 1e9))
        value = self._spec.value
        value.seconds, value.nanoseconds = divmod(nanoseconds, 1_000_000_000)
        spec = ctypes.byref(self._spec)
        if self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, spec, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def close(self) -> None:
        """As ``Alarm``."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _expired(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # Set anew between its expiry and this call.
        self._callback()


class LoopAlarm:
    """The loop's own timer, early, and then its turns."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._handle: asyncio.Handle | None = None
        self._at_s = 0.0

    def set(self, at_s: float) -> None:
        """As ``Alarm``."""
        self.close()
        self._at_s = at_s
        wait_s = at_s - time.monotonic() - _LOOP_TIMER_EARLY_S
        if wait_s > 0:
            self._handle = self._loop.call_later(wait_s, self._turn)
        else:
            self._handle = self._loop.call_soon(self._turn)

    def close(self) -> None:
        """As ``Alarm``."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _turn(self) -> None:
        if time.monotonic() < self._at_s:
            self._handle = self._loop.call_soon(self._turn)
            return
        self._handle = None
        self._callback()
