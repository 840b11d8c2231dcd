"""How true slaibench's load generator is, against a server that knows what it did.

    python -m benchmarks.client_accuracy [--repeat 3] [--seconds 20] [--parse-at-once]
        [--peers --vllm-python PATH --guidellm PATH --tokenizer FOLDER]

(a) 500 requests/s, Poisson, 4 tokens each: send lag, from due to the client's own stamp and to the
server's stamp of the request's first byte. (b) 400 streams of 50 tokens/s, all written in one row
every 20 ms as an engine does: the client's gaps between tokens against the server's, delay from the
server's write to the client's stamp, and CPU time a token. The server (benchmarks.client_server)
runs in a process of its own on the same machine. Medians over the repeats, and their range, are
printed; nothing is asserted: machines vary.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from benchmarks import client_peers
from slaibench.client.fetch import fetch
from slaibench.client.load import LoadResult, run_load
from slaibench.client.prompts import TokenIdPrompts
from slaibench.client.target import Target
from slaibench.workloads.request import Request

RATE_RPS = 500.0
SHORT_TOKENS = 4
STREAMS = 400
TOKENS_PER_S = 50.0
PROMPT_TOKENS = 16


@contextmanager
def server(step_ms: float) -> Iterator[str]:
    """URL of the server that knows the truth, in its own process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.client_server", "0", "--step-ms", str(step_ms)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def truth_of(url: str, result: LoadResult) -> list[dict[str, object]]:
    """The server's stamps of each request, in the table's order."""
    truth = fetch(Target(url, "truth"), "/truth", {}, timeout_s=60)
    return [truth[f"slaibench-{number}"] for number in result.requests.request_id]


def short_requests(url: str, seconds: float, at_once: bool, seed: int) -> dict[str, float]:
    """Case (a)."""
    rng = np.random.default_rng(seed)
    due_s = np.cumsum(rng.exponential(1 / RATE_RPS, round(seconds * RATE_RPS))).tolist()
    requests = [Request(i, due, PROMPT_TOKENS, SHORT_TOKENS) for i, due in enumerate(due_s)]
    result = _load(url, requests, at_once)
    table = result.requests
    arrived = (
        np.array([stamps["received"] for stamps in truth_of(url, result)]) - result.t0_monotonic_s
    )
    return (
        _spread("sent", table.sent_s - table.due_s)
        | _spread("there", arrived - table.due_s)
        | _spread("sent to there", arrived - table.sent_s)
        | {"CPU us a token": result.facts.cpu_us_a_token or np.nan}
    )


def long_streams(url: str, seconds: float, at_once: bool, seed: int) -> dict[str, float]:
    """Case (b): the streams begin within a second."""
    rng = np.random.default_rng(seed)
    tokens = round((seconds + 1) * TOKENS_PER_S)
    due_s = np.sort(rng.uniform(0, 1, STREAMS)).tolist()
    requests = [Request(i, due, PROMPT_TOKENS, tokens) for i, due in enumerate(due_s)]
    result = _load(url, requests, at_once)
    wrote = [np.array(stamps["tokens"]) for stamps in truth_of(url, result)]
    return gap_errors(result, wrote) | {"CPU us a token": result.facts.cpu_us_a_token or np.nan}


def gap_errors(result: LoadResult, wrote: Sequence[np.ndarray]) -> dict[str, float]:
    """Client's gaps minus server's, and the delay of single tokens."""
    table = result.requests
    errors, delays = [], []
    for row, truth in enumerate(wrote):
        begin, end = table.token_offsets[row : row + 2]
        read = table.token_times_s[begin:end] + result.t0_monotonic_s
        errors.append(np.abs(np.diff(read) - np.diff(truth)))
        delays.append(read - truth)
    return _spread("gap error", np.concatenate(errors)) | _spread("delay", np.concatenate(delays))


def _load(url: str, requests: list[Request], at_once: bool) -> LoadResult:
    result = run_load(Target(url, "truth"), requests, TokenIdPrompts(1000), parse_at_once=at_once)
    bad = result.requests.error[~result.requests.finished]
    if len(bad):
        raise SystemExit(f"{len(bad)} requests were not finished, e.g.: {bad[0]}")
    return result


def _spread(name: str, seconds: np.ndarray) -> dict[str, float]:
    p50, p99, most = np.quantile(seconds, (0.5, 0.99, 1.0)) * 1e3
    return {f"{name} P50 ms": p50, f"{name} P99 ms": p99, f"{name} max ms": most}


def show(title: str, runs: Sequence[dict[str, float]]) -> None:
    """One line a figure: median over the repeats, and the range."""
    print(f"\n{title}")
    for name in runs[0]:
        values = [run[name] for run in runs]
        middle = statistics.median(values)
        print(f"  {name:22} {middle:9.3f}   ({min(values):.3f} .. {max(values):.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--parse-at-once", action="store_true", help="without the speed trick")
    client_peers.add_arguments(parser)
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} before the start")
    cases = (
        (f"(a) {RATE_RPS:g} requests/s of {SHORT_TOKENS} tokens", short_requests),
        (f"(b) {STREAMS} streams of {TOKENS_PER_S:g} tokens/s", long_streams),
    )
    with server(1e3 / TOKENS_PER_S) as url:
        for title, case in cases:
            runs = [
                case(url, args.seconds, args.parse_at_once, seed) for seed in range(args.repeat)
            ]
            show(title, runs)
        if args.peers:
            client_peers.compare(args, url, args.seconds)
    print(f"\nload {os.getloadavg()[0]:.2f} at the end")


if __name__ == "__main__":
    main()
