"""Draw when batches are decided and when they run, scheduled synchronously and asynchronously.

usage: python -m benchmarks.asynchronous_steps FIGURE [--gpu h200] [--scheduler slai] [--rate 6]
           [--at 60] [--steps 5]

Both runs are the simulator's, of the same requests; each lane shows consecutive steps from a moment
on. What the host does before the device has a batch is the profile's host time
(``slaibench.catalog.host``).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from slaibench.backends.base import RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.catalog.profiles import get_profile
from slaibench.costmodel import CostModel
from slaibench.schedulers.base import Batch, EngineView, Scheduler
from slaibench.schedulers.registry import build
from slaibench.workloads import registry as workloads
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.generate import generate

MODEL = "mistral-7b"
REQUESTS = 600
INK = ("#4c78a8", "#9ecae9")
"""Every other batch has the other colour."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What a lane shows of a batch: from when to when, seconds."""

    start_s: float
    end_s: float


class Noted(Scheduler):
    """A scheduler whose decisions are noted: when each batch that ran was decided."""

    decided_s: list[float] = []  # noqa: RUF012  # every copy of the scheduler notes here

    def __init__(self, inner: Scheduler) -> None:
        super().__init__(token_budget=inner.token_budget, max_active=inner.max_active)
        self._inner = inner
        self.queue_key = inner.queue_key  # type: ignore[method-assign]

    def schedule(self, view: EngineView) -> Batch:
        batch = self._inner.schedule(view)
        if batch:
            self.decided_s.append(view.now_s)
        return batch

    def batch_running(self, *args: Any) -> None:
        self._inner.batch_running(*args)

    def batch_done(self, *args: Any) -> None:
        self._inner.batch_done(*args)


def lanes(args: argparse.Namespace, *, asynchronous: bool) -> tuple[list[Bar], list[Bar]]:
    """Host's and device's bars of the steps that are shown."""
    profile = get_profile(args.gpu, MODEL)
    model = CostModel(profile, asynchronous=asynchronous)
    simulator = Simulator(model, total_blocks=profile.kv_blocks, asynchronous=asynchronous)
    requests = generate(
        workloads.resolve("sharegpt4-model"),
        ArrivalProcess.parse("poisson"),
        rate_rps=args.rate,
        num_requests=REQUESTS,
        seed=0,
    )
    Noted.decided_s.clear()
    steps = simulator.run(requests, Noted(build(args.scheduler)), RunSettings()).steps
    first = int((steps.start_s < args.at).sum())
    host, device = [], []
    for step in range(first, first + args.steps):
        start_s, end_s = float(steps.start_s[step]), float(steps.end_s[step])
        # A batch has about as many sequences as decodes; chunks are one or two.
        sequences = int(steps.decodes[step]) + (steps.prefill_tokens[step] > 0)
        if asynchronous:
            decided_s = Noted.decided_s[step]
            host.append(Bar(decided_s, decided_s + model.hidden_s(sequences)))
            device.append(Bar(start_s, end_s))
        else:
            free_s = end_s - model.between_s(sequences)
            device.append(Bar(start_s, free_s))
            host.append(Bar(free_s, end_s))
    return host, device


def draw(axes: Axes, title: str, host: Sequence[Bar], device: Sequence[Bar]) -> None:
    """Two lanes; times in ms from the first bar on."""
    zero_s = min(host[0].start_s, device[0].start_s)
    for lane, bars in enumerate((device, host)):
        for number, bar in enumerate(bars):
            left, width = 1e3 * (bar.start_s - zero_s), 1e3 * (bar.end_s - bar.start_s)
            axes.barh(lane, width, left=left, height=0.7, color=INK[number % 2], edgecolor="white")
            axes.text(left + width / 2, lane, str(number + 1), ha="center", va="center", size=8)
    axes.set_yticks([0, 1], ["device", "host"])
    axes.set_title(title, loc="left", size=10)
    sns.despine(ax=axes, left=True)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("figure", type=Path)
    parser.add_argument("--gpu", default="h200")
    parser.add_argument("--scheduler", default="slai")
    parser.add_argument("--rate", type=float, default=6.0)
    parser.add_argument("--at", type=float, default=60.0, help="seconds into the run")
    parser.add_argument("--steps", type=int, default=5)
    args = parser.parse_args(argv)
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    draw(above, "synchronous", *lanes(args, asynchronous=False))
    draw(below, "asynchronous", *lanes(args, asynchronous=True))
    below.set_xlabel("ms")
    figure.savefig(args.figure, dpi=150)


if __name__ == "__main__":
    main()
