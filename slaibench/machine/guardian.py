"""A process tree that ends for sure: on request, or when whoever started it is gone.

Engines start processes of their own, which outlive a parent that is killed. So a small process of
ours, the guardian, stands between: it starts the command, adopts every descendant that loses its
parent (a *subreaper*, prctl(2)), and ends them all on a signal, when its standard input closes, or
when its parent is no longer there, be it by ``kill -9``. Nothing else is ever signalled.

This file is also the guardian's program: standard library only, and run by its path, so that it
starts in some 30 ms. Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

GRACE_S = 15.0
"""Time a command has to end by itself after a polite request."""
ORPHANS_GRACE_S = 2.0
"""The same for what it left behind, which has lost whom it worked for."""
LOOK_EVERY_S = 0.5
"""How often the guardian looks whether its parent is there."""
POLL_S = 0.02

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class GuardedProcess:
    """A running command with all its descendants.

    It runs in a session of its own (Ctrl-C of a terminal does not reach it), without standard
    input. Nothing of it survives this process, whatever ends that. If the guardian itself is
    killed, the command dies with it, and the rest at the next ``poll`` or ``stop``.

    Args:
        log: its output is appended to this file.
        env: its environment; None: this process's.
        grace_s: how long it may take to end after a polite request.

    Raises:
        OSError: the log cannot be written, or this is not Linux.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        grace_s: float = GRACE_S,
    ) -> None:
        if sys.platform != "linux":
            raise OSError(f"guarded processes need Linux, not {sys.platform}")
        self._grace_s = grace_s
        guardian = [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(grace_s)]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*guardian, *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the guardian; the whole tree's session has the same number."""
        return self._process.pid

    def poll(self) -> int | None:
        """Exit status of the command (128 + signal if one ended it); None: it runs.

        Once there is a status, no process of the tree is left.
        """
        if self._process.returncode is None and self._guardian_is_dead():
            # Not yet reaped, so its number, the session's, cannot belong to anybody else.
            _kill_session(self._process.pid)
        status = self._process.poll()
        if status is not None and self._process.stdin is not None:
            self._process.stdin.close()
        return status if status is None or status >= 0 else 128 - status

    def stop(self) -> None:
        """End the whole tree and wait until it is gone; nothing if it is already."""
        if self.poll() is None:
            self._process.terminate()
        if self._process.stdin is not None:
            self._process.stdin.close()
        deadline = time.monotonic() + self._grace_s + 2 * ORPHANS_GRACE_S
        while self.poll() is None:
            if time.monotonic() > deadline:
                self._process.kill()
            time.sleep(POLL_S)

    def _guardian_is_dead(self) -> bool:
        with contextlib.suppress(ChildProcessError):
            look = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self._process.pid, look) is not None
        return False


class Guardian:
    """The guardian's own side: starts the command, waits, ends what is left.

    Args:
        parent: process on whose behalf it works.
        grace_s: time the command has to end by itself.
    """

    def __init__(self, command: Sequence[str], parent: int, grace_s: float) -> None:
        self._parent = parent
        self._grace_s = grace_s
        self._asked_to_stop = False
        self._status: int | None = None
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._child = _start(command)

    def run(self) -> int:
        """Until no process of the tree is left.

        Returns:
            the command's exit status, 128 + signal if one ended it.
        """
        self._reap()
        while self._status is None and not self._asked_to_stop and self._parent_is_there():
            select.select([0, self._woken], [], [], LOOK_EVERY_S)
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)
            self._reap()
        if self._status is None:
            os.kill(self._child, signal.SIGTERM)  # not reaped: the number is still its own
            self._wait(self._grace_s, lambda: self._status is not None)
        self._signal_all(signal.SIGTERM)
        self._wait(ORPHANS_GRACE_S, lambda: False)
        while self._reap():
            self._signal_all(signal.SIGKILL)
            time.sleep(POLL_S)
        return 1 if self._status is None else self._status

    def _ask(self, *_: object) -> None:
        self._asked_to_stop = True

    def _parent_is_there(self) -> bool:
        """Whether anybody still wants the command.

        The pipe alone does not tell: a process that the parent forked holds its other end too.
        """
        readable, _, _ = select.select([0], [], [], 0)
        closed = bool(readable) and not os.read(0, 1)
        return not closed and os.getppid() == self._parent

    def _wait(self, longest_s: float, enough: Callable[[], bool]) -> None:
        """Until no descendant is left, ``enough()``, or time is up."""
        deadline = time.monotonic() + longest_s
        while self._reap() and not enough() and time.monotonic() < deadline:
            time.sleep(POLL_S)

    def _reap(self) -> bool:
        """Collect what has ended; returns whether anything of the tree is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._child:
                code = os.waitstatus_to_exitcode(status)
                self._status = code if code >= 0 else 128 - code

    def _signal_all(self, number: signal.Signals) -> None:
        """Signal every descendant."""
        mine = os.getpid()
        parents = {pid: parent for pid, parent, _ in _processes()}

        def descends(pid: int) -> bool:
            while pid > 1:
                pid = parents.get(pid, 0)
                if pid == mine:
                    return True
            return False

        for pid in filter(descends, parents):
            # Another parent by now can only be us: the one it had has ended.
            _kill(pid, number, lambda pid: _stat(pid)[0] in (parents[pid], mine))


def _start(command: Sequence[str]) -> int:
    """Start the command in a process group of its own; it dies when this process does."""
    guardian = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setpgid(0, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if os.getppid() == guardian:
            os.execvp(command[0], list(command))
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _kill_session(session: int) -> None:
    """Kill every process of a session, whose leader is a zombie of ours."""
    for _ in range(100):
        members = [pid for pid, _, its_session in _processes() if its_session == session]
        if not members:
            return
        for pid in members:
            _kill(pid, signal.SIGKILL, lambda pid: _stat(pid)[1] == session)
        time.sleep(POLL_S)


def _kill(pid: int, number: signal.Signals, still_it: Callable[[int], bool]) -> None:
    """Signal a process if it still is the one that was meant.

    Between a look at ``/proc`` and the signal its number may go to a stranger; a pidfd may not.
    """
    with contextlib.suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            if still_it(pid):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def _processes() -> list[tuple[int, int, int]]:
    """(process, parent, session) of everything that runs; zombies do not."""
    running = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                running.append((int(name), *_stat(int(name))))
    return running


def _stat(pid: int) -> tuple[int, int]:
    """(parent, session) of a process, from ``/proc`` (proc_pid_stat(5)).

    Raises:
        OSError: there is none, or only its exit status is left.
    """
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    # The name, in parentheses, may hold anything.
    state, parent, _, session = text.rpartition(")")[2].split()[:4]
    if state == "Z":
        raise ProcessLookupError(pid)
    return int(parent), int(session)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    raise SystemExit(Guardian(sys.argv[3:], int(sys.argv[1]), float(sys.argv[2])).run())
