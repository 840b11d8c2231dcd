"""Whatever a server answers: one bucket a request, a reason for each failure, no traceback.

``python -m tests.client.test_mutations 10000`` plays as many answers over sockets and prints what
became of them, and the memory that it took.
"""

from __future__ import annotations

import random
import resource
import sys
from collections import Counter

import pytest

from slaibench.client.load import LoadResult, run_load
from slaibench.client.prompts import TokenIdPrompts
from slaibench.client.target import Target
from slaibench.recording.record import Outcome
from slaibench.workloads.request import Request
from tests.client.mutations import answer
from tests.client.serving import Answer, HangUpError, Received, serve

ASKED = 4
KINDS = {outcome.value for outcome in Outcome} - {Outcome.UNFINISHED.value}


async def spoilt(received: Received, reply: Answer) -> None:
    """An answer of the request's own, in pieces of its own, and an end."""
    rng = random.Random(received.headers["X-Request-Id"])
    data = answer(rng, ASKED)
    cuts = sorted(rng.randint(0, len(data)) for _ in range(rng.randint(0, 4)))
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        reply.raw(data[begin:end])
        await reply.flush()
    raise HangUpError


def played(count: int, rate_rps: float, **more: bool) -> LoadResult:
    requests = [Request(i, i / rate_rps, 5, ASKED) for i in range(count)]
    with serve({"/v1/completions": spoilt}) as server:
        target = Target(server.url, "m", timeout_s=20.0, **more)
        return run_load(target, requests, TokenIdPrompts(1000), processes=1)


def check(result: LoadResult, count: int, *, exact: bool) -> Counter[str]:
    """Every promise about a request that whatever came leaves standing."""
    table = result.requests
    assert len(table) == count
    assert not [note for note in result.notes if "Traceback" in note or "process" in note]
    for outcome, tokens, error in zip(table.outcome, table.num_tokens, table.error, strict=True):
        assert str(outcome) in KINDS
        assert bool(error) is (outcome != Outcome.FINISHED.value)
        assert str(error).isprintable()
        if outcome == Outcome.FINISHED.value:
            assert tokens == ASKED if exact else tokens >= 1
    return Counter(map(str, table.outcome))


@pytest.mark.parametrize("exact", [True, False])
def test_every_spoilt_answer_ends_in_one_bucket(exact: bool) -> None:
    counts = check(played(300, 300.0, exact_lengths=exact), 300, exact=exact)
    assert counts[Outcome.FINISHED.value] > 20  # Some mutations are harmless, or none.
    assert counts[Outcome.FAILED.value] > 50


if __name__ == "__main__":
    number = int(sys.argv[1])
    for is_exact in (True, False):
        outcomes = check(
            played(number // 2, 250.0, exact_lengths=is_exact), number // 2, exact=is_exact
        )
        print(f"exact lengths {is_exact}:", dict(outcomes))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"largest client process: {peak / 1024:.0f} MiB")
