from __future__ import annotations

import pytest

from slaibench.schedulers.engines.support import EngineLimits, Releases, UnsupportedEngineError
from slaibench.schedulers.slai import Slai


def limits(tokens: int, active: int) -> EngineLimits:
    return EngineLimits("SGLang", tokens, "--chunked-prefill-size", active, "--max-running")


def test_a_scheduler_may_want_as_much_as_the_engine_has_and_no_more() -> None:
    slai = Slai(token_budget=512, max_active=128)
    limits(512, 128).check(slai)
    with pytest.raises(UnsupportedEngineError, match=r"--max-running 128.*max_active=127"):
        limits(512, 127).check(slai)
    with pytest.raises(UnsupportedEngineError, match=r"--chunked-prefill-size 512.*budget=511"):
        limits(511, 128).check(slai)


def test_an_engine_that_is_not_installed_is_named() -> None:
    releases = Releases("Some", "some_engine", (1, 0), (2, 0), "SLAIBENCH_ANY_SOME")
    with pytest.raises(UnsupportedEngineError, match="Some cannot be imported"):
        releases.check()
