"""How often ``slaibench judge`` says something false of a scheduler judged against itself.

    nice python -m benchmarks.judge_aa [--judgements 100] [--jobs 2]

vLLM's rule against itself in the simulator, at three loads, eight pairs a load, by the command's
own code from the recordings on. On the same requests both sides would be identical, so every run
here has requests of its own: run 2k + 1 is the pair of run 2k, and nothing is used twice. That is
harder than a judgement's own pairs, whose requests are the same. The truth is known: nothing
differs. Three rules are counted on the same runs:

- the command's margin, 5 %: worse and better are false;
- a margin of 0.01 %, which forgives nothing: the same;
- a candidate whose every time and rate is made larger by the margin: at its limit, where better,
  worse (for what is larger than nothing that matters) and same are all false.

The last column is what the command states: all verdicts hold together with 95 % probability.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from slaibench.measure.regression import ChangeVerdict
from slaibench.measure.simultaneous import ERROR, judge_together
from slaibench.spec import StudySpec
from slaibench.studies.judge.design import DEFAULT_SEEDS, Design, default_metrics
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.regression.judge import rows_of, sides_of
from slaibench.studies.regression.metrics import Value
from slaibench.studies.regression.replicate import Reader, Replicate
from slaibench.studies.regression.result import SATURATED, Row

RATES = (10.0, 18.0, 24.0)
"""Of some 30 requests/s that it carries: light, medium, near capacity."""
SPEC = StudySpec(
    schedulers=("vllm-default",),
    workload="uniform:prompt=200-1800,output=20-120",
    rates=RATES,
    num_requests=200,
    early_stop=False,
)
MARGIN, NO_MARGIN = 0.05, 0.0001


@dataclass(frozen=True, slots=True)
class Null:
    """A rule, and a difference by which it must not be moved to a verdict.

    Args:
        factor: by which the candidate's values are multiplied.
        false: verdicts that are wrong of it.
    """

    words: str
    margin: float
    factor: float
    false: frozenset[ChangeVerdict]


MOVED = frozenset({ChangeVerdict.WORSE, ChangeVerdict.BETTER})
NULLS = (
    Null("margin 5 %", MARGIN, 1.0, MOVED),
    Null("margin 0.01 %", NO_MARGIN, 1.0, MOVED),
    Null("at the limit of 5 %", MARGIN, 1 + MARGIN, MOVED | {ChangeVerdict.SAME}),
)


def replicate_of(prepared: PreparedStudy, place: tuple[float, int]) -> Replicate:
    """One run, measured."""
    rate_rps, seed = place
    reader = Reader("strict", default_metrics(), {})
    return reader(prepared.run(prepared.cell("vllm-default", rate_rps, seed)))


def side(runs: Sequence[Replicate], factor: float = 1.0) -> list[Replicate]:
    """Runs as one side of pairs: by place, whatever their seeds and requests."""
    out = []
    for rate in RATES:
        at_rate = [run for run in runs if run.rate_rps == rate]
        for number, run in enumerate(at_rate):
            values = {
                name: Value(None if value.value is None else factor * value.value, value.n)
                for name, value in run.values.items()
            }
            out.append(replace(run, seed=number, load=str(number), values=values))
    return out


def rows(
    before: Sequence[Replicate], after: Sequence[Replicate], null: Null, design: Design
) -> list[Row]:
    """A judgement's rows, by its own code."""
    rule = partial(judge_together, comparisons=design.comparisons, error=design.error)
    return rows_of(sides_of(side(before), side(after, null.factor)), null.margin, rule)


def judgements(runs: Sequence[Replicate], null: Null, design: Design) -> Iterator[list[Row]]:
    """A judgement for each two times eight seeds."""
    per_side = DEFAULT_SEEDS
    first = min(run.seed for run in runs)
    last = max(run.seed for run in runs)
    for start in range(first, last + 1, 2 * per_side):
        seeds = range(start, start + 2 * per_side)
        own = [run for run in runs if run.seed in seeds]
        before = [run for run in own if (run.seed - start) % 2 == 0]
        after = [run for run in own if (run.seed - start) % 2 == 1]
        yield [row for row in rows(before, after, null, design) if row.metric != SATURATED]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judgements", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    prepared = prepare(SPEC)
    design = replace(
        Design.of(prepared, default_metrics(), MARGIN),
        num_pairs=DEFAULT_SEEDS,
        num_loads=len(RATES),
        comparisons=len(RATES) * len(default_metrics()),
    )
    seeds = range(arguments.judgements * 2 * DEFAULT_SEEDS)
    places = [(rate, seed) for seed in seeds for rate in RATES]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        runs = list(pool.map(partial(replicate_of, prepared), places, chunksize=16))
    print("| rule | judgements | verdicts | same | cannot tell | with a false verdict | stated |")
    print("|---|---|---|---|---|---|---|")
    for null in NULLS:
        judged = list(judgements(runs, null, design))
        counts = Counter(row.verdict for one in judged for row in one)
        wrong = sum(any(row.verdict in null.false for row in one) for one in judged)
        print(
            f"| {null.words} | {len(judged)} | {sum(counts.values()):,} "
            f"| {counts[ChangeVerdict.SAME]:,} | {counts[ChangeVerdict.UNKNOWN]:,} "
            f"| {wrong} | at most {ERROR:.0%} |"
        )


if __name__ == "__main__":
    main()
