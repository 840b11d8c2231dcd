"""How often the interval of a capacity search within minutes holds the truth, in virtual time.

    python benchmarks/capacity_coverage.py [RUNS] [MINUTES] [WORKLOAD ...]

The search is that of ``slaibench capacity --url``, on the simulator, its budget in virtual minutes;
a run has requests of its own (seeds apart by 1,000). The truth is the capacity by the targets that
the run could tell, from a search of long cells with further seeds. Widths are shares of the truth;
an interval that begins at 0 tells no lower end, and is counted apart. "At least" holds the truth
where it is not above it.
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path
from statistics import median

from slaibench.spec import StudySpec
from slaibench.studies import capacity, paced
from slaibench.studies.pace import Pace
from slaibench.studies.targets import STEADY

WORKLOADS = ("sharegpt4-model", "uniform:prompt=200-1800,output=20-120")
SCHEDULER = "sarathi"
REFERENCE_SEED = 900_000


def truth(workload: str, slo: str, results: Path) -> tuple[float, float, float]:
    """Capacity and its interval from five replicates of 8,000 requests."""
    spec = StudySpec(
        schedulers=(SCHEDULER,),
        workload=workload,
        slo=slo,
        num_seeds=5,
        num_requests=8_000,
        first_seed=REFERENCE_SEED,
    )
    (result,) = capacity.run(capacity.plan(spec, results))
    estimate = result.capacity
    assert estimate.rate_rps is not None
    assert estimate.ci95 is not None
    return estimate.rate_rps, *estimate.ci95


def main(runs: int = 20, minutes: float = 5, *workloads: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        truths: dict[tuple[str, str], tuple[float, float, float]] = {}
        for workload in workloads or WORKLOADS:
            held = answered = least = 0
            widths: list[float] = []
            for number in range(runs):
                spec = StudySpec(
                    schedulers=(SCHEDULER,), workload=workload, first_seed=1000 * number
                )
                result = paced.run(paced.plan(spec, results, Pace(minutes)))
                slos = dict.fromkeys(c.slo for c in result.measured.curves if c.slo != STEADY)
                key = workload, ",".join(slos) or spec.slo
                if key not in truths:
                    truths[key] = truth(*key, results)
                    value, low, high = truths[key]
                    print(f"# {workload} within {key[1]}: {value:.4g} [{low:.4g}, {high:.4g}]")
                true, interval = truths[key][0], result.capacity.ci95
                if interval is None and result.capacity.sure_rps is not None:
                    interval = result.capacity.sure_rps, math.inf
                answered += interval is not None
                inside = interval is not None and interval[0] <= true <= interval[1]
                held += inside
                if interval is not None and interval[0] > 0:
                    least += 1
                    if math.isfinite(interval[1]):
                        widths.append((interval[1] - interval[0]) / true)
                ends = "none" if interval is None else "{:.3g} to {:.3g}".format(*interval)
                print(
                    f"{number:2d} {result.capacity.rate_rps or 0:.3g} ({ends}) true {true:.4g} "
                    f"{'holds' if inside else 'MISSES'}; {result.ended}, {result.spent_s:.0f} s",
                    flush=True,
                )
            width = (
                f"; median width of {len(widths)} with both ends {median(widths):.0%}"
                if widths
                else ""
            )
            print(
                f"{workload}, {minutes:g} min: {held} of {runs} hold the truth, {answered} have an "
                f"interval, {least} with a lower end{width}"
            )


if __name__ == "__main__":
    numbers = [float(text) for text in sys.argv[1:3]]
    main(*map(int, numbers[:1]), *numbers[1:], *sys.argv[3:])
