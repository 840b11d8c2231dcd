"""The spread that is carried on against one that is counted anew, batch for batch."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slaibench.backends.base import RunSettings
from slaibench.backends.simulator.kept_spread import KeptSpread
from slaibench.backends.simulator.state import SimRequest
from slaibench.costmodel import Spread, spread_of
from slaibench.schedulers.registry import build
from tests.backends.agreement import requests, simulate


@pytest.mark.parametrize("text", ["sarathi", "slai", "rad", "decode-first"])
def test_it_is_that_of_the_contexts_whoever_comes_goes_or_is_preempted(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    carried_on = KeptSpread.after
    kept = []

    def checked(
        self: KeptSpread, decodes: Sequence[SimRequest], context: int, everybody: bool
    ) -> Spread:
        kept.append(everybody and self._last is not None)
        spread = carried_on(self, decodes, context, everybody)
        assert spread == spread_of([request.computed_tokens for request in decodes])
        return spread

    monkeypatch.setattr(KeptSpread, "after", checked)
    output = simulate(build(text), requests(), RunSettings())
    assert (output.requests.num_preemptions.sum() > 0) == (text != "decode-first")
    assert sum(kept) > 100
