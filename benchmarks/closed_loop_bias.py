"""How far the start and the end of a closed loop move its numbers, and what the rule leaves.

    python -m benchmarks.closed_loop_bias

Of runs as long as ``--concurrency`` makes them, errors against runs five times as long of which the
first and the last fifth are left out, over the same seeds together. Rules: nothing is left out; the
end, the start, both (``slaibench.measure.closed_loop``); a start of one turn, and of three.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.measure.closed_loop import TURNS, loop_audit, ramp_s
from slaibench.recording.record import FloatArray, RequestTable, first_rows
from slaibench.spec import StudySpec
from slaibench.studies.prepared import PreparedStudy, prepare

SEEDS = 6
TIMES = 5
SCHEDULERS = ("sarathi", "slai")
CLIENTS = (8, 64, 256)
COLUMNS = ("TTFT P50", "TTFT P99", "TPOT mean", "E2E P50", "tokens/s")


@dataclass(frozen=True, slots=True)
class Part:
    """The requests that a rule leaves of a run, and the window of its rates."""

    requests: RequestTable
    start_s: float
    stop_s: float

    @property
    def inside(self) -> FloatArray:
        return self.requests.due_s >= self.start_s


def part(run: RequestTable, clients: int, turns: float, *, cuts_end: bool) -> Part:
    kept = first_rows(run, len(run) - clients) if cuts_end else run
    stop_s = float(kept.due_s[-1]) if cuts_end else float(run.last_token_s.max())
    return Part(kept, ramp_s(run, clients) * turns / TURNS, stop_s)


def numbers(parts: list[Part]) -> FloatArray:
    """The columns, over all seeds together."""
    ttft, e2e, tpot, rates = [], [], [], []
    for own in parts:
        run, inside = own.requests, own.inside
        ttft.append(run.ttft_s[inside])
        e2e.append((run.last_token_s - run.due_s)[inside])
        several = inside & (run.num_tokens > 1)
        length = (run.last_token_s - run.first_token_s)[several]
        tpot.append(length / (run.num_tokens[several] - 1))
        times = run.token_times_s
        count = np.count_nonzero((times > own.start_s) & (times <= own.stop_s))
        rates.append(count / (own.stop_s - own.start_s))
    first, stays = np.concatenate(ttft), np.concatenate(e2e)
    p50, p99 = np.quantile(first, (0.5, 0.99))
    pace = np.concatenate(tpot).mean()
    return np.array([p50, p99, pace, np.median(stays), np.mean(rates)])


def runs(prepared: PreparedStudy, scheduler: str, clients: int, times: int) -> list[RequestTable]:
    size = times * prepared.spec.requests_of(clients)
    cells = [prepared.closed_cell(scheduler, clients, seed) for seed in range(SEEDS)]
    return [prepared.run(cell.model_copy(update={"num_requests": size})).requests for cell in cells]


def middle(run: RequestTable) -> Part:
    low, high = len(run) // 5, len(run) - len(run) // 5
    return Part(first_rows(run, high), float(run.due_s[low]), float(run.due_s[high - 1]))


def main() -> None:
    rules = {
        "everything": (0.0, False),
        "without the end": (0.0, True),
        "without the start": (TURNS, False),
        "the rule": (TURNS, True),
        "one turn": (1.0, True),
        "three turns": (3.0, True),
    }
    for scheduler in SCHEDULERS:
        for clients in CLIENTS:
            spec = StudySpec(schedulers=(scheduler,), concurrency=(clients,))
            with prepare(spec) as prepared:
                short = runs(prepared, scheduler, clients, 1)
                truth = numbers([middle(run) for run in runs(prepared, scheduler, clients, TIMES)])
            audits = [loop_audit(run, clients) for run in short]
            little = max(abs(audit.little or 0.0) for audit in audits)
            print(f"\n{scheduler}, {clients} clients, {len(short[0]):,} requests, {SEEDS} seeds")
            shown = (f"{value:.4g}" for value in truth)
            print(f"{'truth':20}", *(f"{text:>10}" for text in shown))
            print(f"{'':20}", *(f"{name:>10}" for name in COLUMNS))
            for name, (turns, cuts_end) in rules.items():
                got = numbers([part(run, clients, turns, cuts_end=cuts_end) for run in short])
                errors = (f"{100 * error:+.1f} %" for error in got / truth - 1)
                print(f"{name:20}", *(f"{text:>10}" for text in errors))
            print(f"Little's law is off by at most {100 * little:.1f} %")


if __name__ == "__main__":
    main()
