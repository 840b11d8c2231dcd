"""Batches that decode everybody are noted once: against tokens that are counted one by one."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from slaibench.backends.base import RunSettings
from slaibench.schedulers.base import Batch, EngineView
from slaibench.schedulers.registry import build
from tests.backends.agreement import requests, simulate


@pytest.mark.parametrize("horizon_s", [None, 5.0])
@pytest.mark.parametrize("text", ["sarathi", "slai", "hrrn", "rad", "decode-first"])
def test_every_token_is_its_own_requests_whoever_decodes_beside_it(
    monkeypatch: pytest.MonkeyPatch, text: str, horizon_s: float | None
) -> None:
    scheduler = build(text)
    as_ever = type(scheduler).batch_done
    counted: dict[Any, list[float]] = defaultdict(list)
    everybody = []

    def checked(self: Any, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        through = [r for r, _ in batch.prefills if r.computed_tokens == r.prefill_tokens]
        for request in (*batch.decodes, *through):
            counted[request.request_id].append(end_s)
            assert request.output_tokens == len(counted[request.request_id])
        for request in view.decoding:
            assert request.output_tokens == len(counted[request.request_id])
        everybody.append({*view.decoding} <= {*batch.decodes, *through})
        as_ever(self, batch, start_s, end_s, view)

    monkeypatch.setattr(type(scheduler), "batch_done", checked)
    output = simulate(scheduler, requests(), RunSettings(horizon_s=horizon_s))
    assert sum(everybody) > 50
    if horizon_s is None:
        assert (output.requests.num_preemptions.sum() > 0) == (text != "decode-first")
    cut = output.end_s if horizon_s is None else horizon_s
    for place, name in enumerate(output.requests.request_id.tolist()):
        start, stop = output.requests.token_offsets[place : place + 2]
        times = output.requests.token_times_s[start:stop].tolist()
        assert times == [end_s for end_s in counted[name] if end_s <= cut]
