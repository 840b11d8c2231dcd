"""Coverage of a share of requests (``measure.share_interval``) on M/M/1 queues, where it is known.

    python -m benchmarks.coverage.shares [REPLICATIONS]

A request keeps its target where it is in the system for no longer than a time that 90 % or 99 %
are there at most. Rows: by the rule as it is, and without what it takes from the median.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from benchmarks.coverage.queues import measured, queue
from benchmarks.coverage.tally import HEADER, Tally
from slaibench.measure.share_interval import share_interval

SEEDS = 3
SIZES = {0.5: 1800, 0.8: 4000, 0.9: 9000}
"""Requests of a run by load, about those of ``queues``."""
SHARES = (0.9, 0.99)


def main(replications: int) -> None:
    rng = np.random.default_rng(1)
    print(f"{replications} replications of {SEEDS} runs\n{HEADER}")
    for load, size in SIZES.items():
        for share in SHARES:
            within_s = math.log(1 / (1 - share)) / (1 - load)
            as_it_is, alone = Tally(share), Tally(share)
            for _ in range(replications):
                runs = [
                    measured(queue(rng.exponential(1, size), rng.exponential(1 / load, size)), size)
                    for _ in range(SEEDS)
                ]
                kept = [(run <= within_s).astype(float) for run in runs]
                for tally, waits in ((as_it_is, runs), (alone, ())):
                    made = share_interval(kept, waits)
                    tally.add(made.low, made.high)
            print(as_it_is.row(f"load {load:g}, {share:.0%} keep it"))
            print(alone.row("  without the median"), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
