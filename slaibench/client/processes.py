"""Client processes, watched and ended for sure."""

from __future__ import annotations

import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any

from slaibench.client.part import LoadPart
from slaibench.client.sizing import ClientError
from slaibench.client.worker import work

PREPARE_S = 300.0
"""Making all bodies takes seconds; a process that takes longer than this is stuck."""

_HINT = defaultdict(
    str,
    died='; in a script of your own, the run must be under `if __name__ == "__main__":`',
)


class Processes:
    """One process for each part. Leaving the context ends those that are left, at once.

    Raises:
        ClientError: one cannot start, or refuses its part.
    """

    def __init__(self, parts: Sequence[LoadPart]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Any] = []
        self._processes: list[Any] = []
        try:
            for _ in parts:
                ours, theirs = context.Pipe()
                process = context.Process(target=work, args=(theirs,), daemon=True)
                process.start()
                theirs.close()
                self._pipes.append(ours)
                self._processes.append(process)
            for pipe, part in zip(self._pipes, parts, strict=True):
                self._send(pipe, part)
            self._await_ready()
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def say(self, word: str, value: float | None = None) -> None:
        """Tell every process that still listens."""
        for pipe in self._pipes:
            self._send(pipe, (word, value))

    def hear(self, numbers: set[int], timeout_s: float) -> Iterator[tuple[int, str, Any]]:
        """What the processes of these numbers say within a time: (number, word, value).

        A process that has ended without a last word says ``died``, with a text.
        """
        pipes = [self._pipes[number] for number in numbers]
        for pipe in wait(pipes, timeout_s):
            number = self._pipes.index(pipe)
            try:
                word, value = self._pipes[number].recv()
            except (EOFError, OSError):
                self._processes[number].join(5)
                code = self._processes[number].exitcode
                yield number, "died", f"a client process died (exit status {code})"
                continue
            yield number, word, value

    def end(self) -> None:
        """Kill what is left and wait for it."""
        for process in self._processes:
            if process.is_alive():
                process.kill()
        for process in self._processes:
            process.join()
            process.close()
        for pipe in self._pipes:
            pipe.close()
        self._processes, self._pipes = [], []

    def _await_ready(self) -> None:
        missing = set(range(len(self._processes)))
        deadline_s = time.monotonic() + PREPARE_S
        while missing:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise ClientError(f"client processes are not ready after {PREPARE_S:g} s")
            for number, word, value in self.hear(missing, left_s):
                if word != "ready":
                    raise ClientError(f"a client process cannot start: {value}{_HINT[word]}")
                missing.discard(number)

    @staticmethod
    def _send(pipe: Any, message: Any) -> None:
        try:
            pipe.send(message)
        except (BrokenPipeError, ConnectionResetError):
            return  # It died; `hear` says so.
