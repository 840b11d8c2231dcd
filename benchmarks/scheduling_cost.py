"""What the benchmarks of scheduling time share: an engine's state, turns, and the table.

Every scheduler has an engine of its own on an emulated device that takes no time. All hold the same
number of decoding requests; as many wait as stated, behind the limit of active ones (``decoding``),
or one long prompt after the other is prefilled beside the decodes (``mixed``: every batch is full,
SLAI withholds decodes). They take turns, step by step and in random order, so that a noisy machine
hits all of them alike; what is compared is the steps of one round.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from slaibench.schedulers import registry
from slaibench.schedulers.base import Scheduler

KINDS = ("decoding", "mixed")
WAITING = (0, 100, 1000)
DEFAULT = ("sarathi", "slai", "rad")
WARM_UP = 30
CONTEXT = 32_000
BUDGET = 512
BLOCK_SIZE = 16
KV_BLOCKS = 60_000
SHORT, LONG, ENDLESS = 64, 10_000, 2_000
"""Tokens: of a prompt, of one that takes many steps, of outputs that outlast the measurement
(SGLang admits by the outputs that it expects)."""
MOST_STEPS = 1500


class VirtualSecond:
    """Time that stands still while the device computes, so that only the scheduler takes any."""

    time_s = _began_s = _free_s = 0.0

    def now_s(self) -> float:
        return self.time_s

    def arrival_s(self, request: Any) -> float:
        return self.time_s

    def nap(self, wake_s: float | None) -> None:
        self.time_s += 0.001

    def spend(self, batch_s: float, overhead_s: float) -> None:
        self.time_s += batch_s

    def launch(self, batch_s: float, between_s: float, hidden_s: float) -> float:
        self._began_s = max(self.time_s, self._free_s)
        self._free_s = self._began_s + batch_s
        return self._free_s

    def wait(self, end_s: float) -> None:
        self.time_s = max(self.time_s, end_s)

    def began_s(self) -> float:
        return self._began_s

    def ended_s(self) -> float:
        return self.time_s


class FlatTimer:
    """Every batch takes 40 ms."""

    needs_spread = False

    def batch_time_s(
        self,
        num_decodes: int,
        context_tokens: int,
        prefills: Any,
        spread: Any = None,
        draft_tokens: int = 0,
    ) -> float:
        return 0.04

    def between_s(self, num_sequences: int) -> float:
        return 0.0

    def hidden_s(self, num_sequences: int) -> float:
        return 0.0


class Engine(Protocol):
    """An engine under one scheduler."""

    def add(self, prompt_tokens: int, output_tokens: int, tbt_slo_s: float) -> None: ...
    def step(self) -> float:
        """One step; returns the scheduler's time, microseconds."""

    def num_held(self) -> int:
        """Requests waiting or active."""

    def num_decoding(self) -> int: ...
    def start_over(self) -> None:
        """Let go of every request; the scheduler is a new one."""

    def close(self) -> None: ...


class Lane:
    """An engine that is kept in the state that is measured."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._added = 0

    def fill(self, kind: str, active: int, waiting: int) -> None:
        """Bring it there, from whatever it held."""
        gc.unfreeze()
        self.engine.start_over()
        spare = 1 if kind == "mixed" else 0
        self._wanted = 0
        for _ in range(active - spare):
            self._add(SHORT, ENDLESS)
        for _ in range(10 * active):
            if self.engine.num_decoding() == active - spare:
                break
            self.engine.step()
        else:
            raise RuntimeError(f"{self.engine.num_decoding()} requests decode, not {active}")
        self._arrives = (LONG, 1) if kind == "mixed" else (SHORT, 20)
        self._wanted = active + waiting
        self._fill_up()
        gc.collect()
        gc.freeze()

    def step(self) -> float:
        """One step; returns the scheduler's time, microseconds."""
        spent_us = self.engine.step()
        self._fill_up()
        return spent_us

    def close(self) -> None:
        self.engine.close()

    def _fill_up(self) -> None:
        for _ in range(self._wanted - self.engine.num_held()):
            self._add(*self._arrives)

    def _add(self, prompt_tokens: int, output_tokens: int) -> None:
        self._added += 1
        self.engine.add(prompt_tokens, output_tokens, 0.5 if self._added % 20 else 0.1)


class AnyLane(Protocol):
    """A lane, here or in another process."""

    def fill(self, kind: str, active: int, waiting: int) -> None: ...
    def step(self) -> float: ...
    def close(self) -> None: ...


def build_scheduler(name: str, active: int) -> Scheduler:
    """The scheduler of that name, for that many active requests."""
    limits = f"max_active={active}" + ("" if "rad" in name else f",token_budget={BUDGET}")
    return registry.build(f"{name}{',' if ':' in name else ':'}{limits}")


def measure(lanes: Mapping[str, AnyLane], steps: int) -> dict[str, list[float]]:
    """Microseconds of each step of each scheduler."""
    times: dict[str, list[float]] = {name: [] for name in lanes}
    order, shuffle = list(lanes), random.Random(0)
    for step in range(WARM_UP + steps):
        shuffle.shuffle(order)
        for name in order:
            spent_us = lanes[name].step()
            if step >= WARM_UP:
                times[name].append(spent_us)
    return times


def added(own: Sequence[float], other: Sequence[float]) -> str:
    """Median of the paired differences, and between what the middle half of them lies."""
    differences = [b - a for a, b in zip(own, other, strict=True)]
    low, middle, high = statistics.quantiles(differences, n=4)
    return f"{middle:+.0f} ({low:+.0f}..{high:+.0f})"


def run(
    title: str,
    own: str,
    always: Sequence[str],
    sizes: Sequence[int],
    start: Callable[[str, int], AnyLane],
    words: Sequence[str] | None = None,
) -> None:
    """Read sizes and schedulers from the command line, measure, print.

    Args:
        own: name of the engine's own scheduler: what the others are compared with.
        always: other names that are measured in any case.
        sizes: numbers of active requests, unless others are given.
        start: an engine under a scheduler, for so many active requests.
        words: the command line; None: that of the process.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--schedulers", nargs="+", default=list(DEFAULT))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--active", nargs="+", type=int, default=list(sizes))
    parser.add_argument("--waiting", nargs="+", type=int, default=list(WAITING))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    args = parser.parse_args(words)
    if not 2 <= args.steps <= MOST_STEPS:
        parser.error(f"--steps must be from 2 to {MOST_STEPS}, not {args.steps}: requests end")
    names = [*always, *args.schedulers]
    print(
        f"median us a step of {own} scheduler, and what others add to it: median of the "
        "paired differences (middle half of them)"
    )
    print(f"{'':9} {'active':>6} {'waiting':>7} {own:>12}", *(f"{name:>22}" for name in names))
    for active in args.active:
        lanes = {name: start(name, active) for name in (own, *names)}
        for kind in args.kinds:
            for waiting in args.waiting:
                for lane in lanes.values():
                    lane.fill(kind, active, waiting)
                times = measure(lanes, args.steps)
                print(
                    f"{kind:9} {active:6} {waiting:7} {statistics.median(times[own]):12.0f}",
                    *(f"{added(times[own], times[name]):>22}" for name in names),
                    flush=True,
                )
        for lane in lanes.values():
            lane.close()
