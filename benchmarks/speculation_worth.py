"""What speculative decoding changes for each scheduler: waits, tokens on time, and throughput.

usage: python -m benchmarks.speculation_worth GPU RATE [--seeds 5] [--requests 1500]

Simulated, the same requests and the same luck of their drafts under each scheduler; 3 drafted
tokens a decode, synchronous scheduling throughout. Without the first 200 requests. The change is
that of the median TTFT against no drafts, with its t interval over seeds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from benchmarks.asynchronous_worth import (
    MODEL,
    SCHEDULERS,
    WARM_UP,
    arguments,
    change,
    requests_of,
)
from slaibench.backends.base import RunSettings
from slaibench.backends.simulator.backend import Simulator
from slaibench.backends.speculation import Speculation
from slaibench.catalog.profiles import get_profile
from slaibench.costmodel import CostModel
from slaibench.measure.deadlines import deadlines
from slaibench.measure.latency import token_gaps
from slaibench.recording.record import RequestTable
from slaibench.schedulers.registry import build

DRAFTS: tuple[Speculation | None, ...] = (None, Speculation(3, 0.6), Speculation(3, 0.8))


def row(requests: RequestTable) -> tuple[float, float, float, float, float]:
    """Median TTFT, mean TPOT and P99 TBT, seconds; shares of tokens on time, by the pace of a
    reader and by the gap."""
    measured = np.arange(len(requests)) >= WARM_UP
    ttft_s = float(np.median(requests.ttft_s[measured]))
    spans = (requests.last_token_s - requests.first_token_s)[measured]
    tpot_s = float(spans.sum() / (requests.num_tokens[measured] - 1).sum())
    gap_s = float(np.quantile(token_gaps(requests, measured).values, 0.99))
    kept = deadlines(requests, np.inf, start_s=float(requests.due_s[WARM_UP])).values()
    shares = []
    for rule in ("fluidity", "gap"):
        parts = [getattr(tier, rule) for tier in kept]
        num = sum(part.num_tokens for part in parts)
        shares.append(sum((part.tokens_met or 0.0) * part.num_tokens for part in parts) / num)
    return ttft_s, tpot_s, gap_s, shares[0], shares[1]


def main(argv: Sequence[str] | None = None) -> None:
    args = arguments(__doc__, argv)
    profile = get_profile(args.gpu, MODEL)
    rows: dict[tuple[str, Speculation | None], list[tuple[float, ...]]] = defaultdict(list)
    for seed, requests in requests_of(args):
        for text in SCHEDULERS:
            for speculation in DRAFTS:
                simulator = Simulator(
                    CostModel(profile, asynchronous=False),
                    total_blocks=profile.kv_blocks,
                    speculation=speculation,
                )
                output = simulator.run(requests, build(text), RunSettings(seed=seed))
                rows[text, speculation].append(row(output.requests))
    print(
        "| scheduler | accepted | TTFT P50 | change | TPOT mean | TBT P99 | on time, reader | "
        "on time, gap |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for text in SCHEDULERS:
        plain = [values[0] for values in rows[text, None]]
        for speculation in DRAFTS:
            runs = rows[text, speculation]
            ttft_s, tpot_s, gap_s, reader, gap = np.mean(runs, axis=0)
            changed = "" if speculation is None else change([run[0] for run in runs], plain)
            accepted = "no drafts" if speculation is None else f"{speculation.acceptance_rate:g}"
            print(
                f"| {text.partition(':')[0]} | {accepted} | {ttft_s:.3f} s | {changed} | "
                f"{tpot_s * 1e3:.1f} ms | {gap_s * 1e3:.0f} ms | {reader:.2%} | {gap:.2%} |"
            )


if __name__ == "__main__":
    main()
