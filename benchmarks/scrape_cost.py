"""What reading a server's metrics costs a run: the same requests with and without, in turns.

    slaibench serve --scheduler slai --port 8000
    python -m benchmarks.scrape_cost http://localhost:8000 [--pairs 5] [--rate 6] [--requests 120]

Prints send lag and TTFT of both sides, and the paired change of each request's TTFT: the same seed
gives both the same requests at the same times.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

import slaibench
from slaibench.recording import store
from slaibench.recording.record import Recording

SIDES = {"with": None, "without": "none"}


def one(url: str, seed: int, side: str, rate: float, requests: int, folder: Path) -> Recording:
    """One run on one side."""
    replayed = slaibench.replay(
        url,
        rate,
        label=side,
        metrics_url=SIDES[side],
        num_requests=requests,
        first_seed=seed,
        workload="sharegpt4-model",
        results=folder / side,
    )
    return store.read(replayed.cells[0].folder)


def line(side: str, runs: list[Recording]) -> str:
    """Send lag and TTFT over all runs of a side, in ms."""
    lag = np.concatenate([run.requests.sent_s - run.requests.due_s for run in runs])
    ttft = np.concatenate([run.requests.ttft_s for run in runs])
    values = [
        *(1e3 * float(np.nanquantile(lag, q)) for q in (0.5, 0.99)),
        *(1e3 * float(np.nanquantile(ttft, q)) for q in (0.5, 0.9, 0.99)),
    ]
    return f"{side:8}" + "".join(f"{value:10.3f}" for value in values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rate", type=float, default=6.0)
    parser.add_argument("--requests", type=int, default=120)
    given = parser.parse_args()
    runs: dict[str, list[Recording]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        for pair in range(given.pairs):
            # Each side is first in every other pair.
            for side in list(SIDES)[:: 1 if pair % 2 else -1]:
                made = one(given.url, pair, side, given.rate, given.requests, Path(folder))
                runs[side].append(made)
    print("ms       lag P50   lag P99  TTFT P50  TTFT P90  TTFT P99")
    for side, own in runs.items():
        print(line(side, own))
    changes = [
        float(np.nanmean(a.requests.ttft_s - b.requests.ttft_s))
        for a, b in zip(runs["with"], runs["without"], strict=True)
    ]
    readings = [len(run.server) for run in runs["with"] if run.server is not None]
    answer = np.concatenate(
        [run.server.answered_s - run.server.asked_s for run in runs["with"] if run.server]
    )
    spread = float(np.std(changes, ddof=1) / np.sqrt(len(changes))) if len(changes) > 1 else 0.0
    print(
        f"mean TTFT with less without, by pair: {1e3 * float(np.mean(changes)):+.2f} ms, standard "
        f"error {1e3 * spread:.2f}; {sum(readings)} readings, an answer took "
        f"{1e3 * float(np.median(answer)):.1f} ms (median)"
    )


if __name__ == "__main__":
    main()
