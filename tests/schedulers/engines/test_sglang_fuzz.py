"""Random arrivals, aborts, options, adapters, sessions and pauses against SGLang's real scheduler.

SGLang's own books are checked after every turn (``self_check_during_busy``), ours against them.
"""

from __future__ import annotations

import pytest

from tests.schedulers.engines.greedy_sglang import SCHEDULERS
from tests.schedulers.engines.program import run_program

SELDOM_PREEMPT = ("decode-first", "rad-batch-prefill", "engine")
"""Those that admit nobody while others decode, and SGLang's rule, which reserves for outputs."""


LOOPS = ("normal", "overlap")
"""Of SGLang: tokens are processed before the next batch is launched, or after."""


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("cache", ["plain", "radix"])
def test_the_books_balance_after_every_turn(cache: str, loop: str) -> None:
    results = run_program("sglang", "fuzz_sglang", cache, loop, 600, 7)
    assert list(results) == list(SCHEDULERS)
    for text, result in results.items():
        assert result["steps"] > 400
        assert result["aborted"] > 5
        assert result["refused"] > 3
        assert (result["session_turns"] > 5) == (cache == "radix")
        if not text.startswith(SELDOM_PREEMPT):
            assert result["preemptions"] > 0, text


@pytest.mark.parametrize(
    ("cache", "loop"), [("plain", "normal"), ("radix", "normal"), ("radix", "overlap")]
)
def test_turns_that_run_nothing_are_no_idleness_to_the_engine(cache: str, loop: str) -> None:
    results = run_program("sglang", "idle_sglang", cache, loop)
    for result in results.values():
        assert result["idle_holding_kv"] > 100
        assert result["idle"] > 0
