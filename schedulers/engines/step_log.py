"""What an engine did, step by step: kept in memory, or written to a file as it happens."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

FLUSH_EVERY_S = 1.0
LONGEST_ID = 200
"""Characters of a request's id that are written; whoever sends one may choose any."""


class MonotonicClock:
    """The machine's clock, seconds; all processes of a machine share it.

    An emulated device in virtual time puts its own in its place.
    """

    LONGEST_NAP_S = 0.001
    """How long a step that runs nothing may block the engine's loop: arrivals wait as long."""

    def nap(self, wake_s: float | None) -> None:
        """Nothing can run until then; None: until something arrives."""
        left = self.LONGEST_NAP_S if wake_s is None else wake_s - self.now_s()
        time.sleep(min(max(left, 0.0), self.LONGEST_NAP_S))

    def now_s(self) -> float:
        return time.monotonic()

    def arrival_s(self, request: Any) -> float:
        """When a request that is being added arrived."""
        return time.monotonic()

    def began_s(self) -> float:
        """When the batch that was handed over last began, asked as soon as none before it runs."""
        return time.monotonic()

    def ended_s(self) -> float:
        """When the batch ended whose tokens have just come."""
        return time.monotonic()


class Step(NamedTuple):
    """One engine step, as ``steps.parquet`` has it; times are on the engine's clock."""

    start_s: float
    end_s: float
    prefill_tokens: int
    decodes: int
    critical_decodes: int
    waiting: int
    active: int
    kv_blocks_used: int
    preemptions: int


class StepLog(Protocol):
    """Told what an engine does."""

    def step(self, step: Step) -> None:
        """A step is done."""

    def first_scheduled(self, request_id: str, time_s: float) -> None:
        """A request is in a batch for the first time."""

    def preempted(self, request_id: str) -> None:
        """A request lost its KV blocks."""

    def switched(self, scheduler: str) -> None:
        """From here on another scheduler decides."""

    def flush(self) -> None:
        """Nothing is to be lost from here on."""

    def close(self) -> None:
        """Nothing more will come."""


class NoStepLog:
    """Keeps nothing."""

    def step(self, step: Step) -> None: ...

    def first_scheduled(self, request_id: str, time_s: float) -> None: ...

    def preempted(self, request_id: str) -> None: ...

    def switched(self, scheduler: str) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class MemoryStepLog:
    """Keeps everything."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.first_scheduled_s: dict[str, float] = {}
        self.num_preemptions: dict[str, int] = {}

    def step(self, step: Step) -> None:
        self.steps.append(step)

    def first_scheduled(self, request_id: str, time_s: float) -> None:
        self.first_scheduled_s.setdefault(request_id, time_s)

    def preempted(self, request_id: str) -> None:
        self.num_preemptions[request_id] = self.num_preemptions.get(request_id, 0) + 1

    def switched(self, scheduler: str) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class FileStepLog:
    """Writes lines of comma-separated values; the first field says what a line is.

    ``h,total blocks,block size,graph tokens,engine version`` once at the start, ``s,`` and the
    fields of ``Step``, ``f,request id,time`` at a request's first batch, ``p,request id`` at a
    preemption, ``w,scheduler`` when another one takes over; of ids and names, what is not plain
    ASCII is escaped. Lines reach the disk within a second, and when the engine has nothing left to
    do. Times are seconds of ``time.monotonic()``, which all processes of a machine share.

    Args:
        path: appended to.
        graph_tokens: of the largest batch that a CUDA graph was captured for; 0: of none, or the
            engine does not say.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        total_blocks: int,
        block_size: int,
        version: str,
        graph_tokens: int = 0,
    ) -> None:
        self._file = Path(path).open("a", buffering=1 << 16)  # noqa: SIM115  (lives as long as we)
        self._flushed_s = time.monotonic()
        self._line(f"h,{total_blocks},{block_size},{graph_tokens},{version}")
        self.flush()

    def step(self, step: Step) -> None:
        self._line(
            f"s,{step[0]:.6f},{step[1]:.6f},{step[2]},{step[3]},{step[4]},{step[5]},{step[6]},"
            f"{step[7]},{step[8]}"
        )
        if step.end_s - self._flushed_s > FLUSH_EVERY_S:
            self.flush()

    def first_scheduled(self, request_id: str, time_s: float) -> None:
        self._line(f"f,{_one_line(request_id)},{time_s:.6f}")

    def preempted(self, request_id: str) -> None:
        self._line(f"p,{_one_line(request_id)}")

    def switched(self, scheduler: str) -> None:
        self._line(f"w,{_one_line(scheduler)}")
        self.flush()

    def flush(self) -> None:
        self._file.flush()
        self._flushed_s = time.monotonic()

    def close(self) -> None:
        self._file.close()

    def _line(self, text: str) -> None:
        self._file.write(text + "\n")


def _one_line(text: Any) -> str:
    """A text from outside, such that it ends no line and can be written."""
    plain = str(text)
    if plain.isascii() and plain.isprintable() and len(plain) <= LONGEST_ID:
        return plain
    return ascii(plain[:LONGEST_ID])[1:-1]
