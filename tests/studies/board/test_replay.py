"""Published runs in the simulator: the loop they were made with, and what is left out of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slaibench.catalog.profiles import get_profile
from slaibench.costmodel import CostModel
from slaibench.studies.board import replay as module
from slaibench.studies.board.replay import Latency, replay, requests_of
from slaibench.studies.board.served import Clients, Serving

PROFILE = get_profile("rtx-pro-6000", "llama-3.1-8b")
EQUAL = Clients(10, 1.0, together=True)
SYNCHRONOUS = Serving(8192, 512, asynchronous=False)


def test_one_client_takes_what_its_batches_take(make_row):
    row = make_row(concurrency=1, prompt_tokens=512, output_tokens=2)
    model = CostModel(PROFILE)
    batch_ms = (model.batch_time_s(1, 513, []) + model.between_s(1)) * 1e3
    prompt_ms = (model.batch_time_s(0, 0, [(512, 0)]) + model.between_s(1)) * 1e3
    latency = replay(row, PROFILE, EQUAL, SYNCHRONOUS)
    delivery_ms = max(PROFILE.delivery_ms, module.LEAST_DELIVERY_S * 1e3)
    assert latency.tpot_ms == pytest.approx(batch_ms, abs=2e-3)
    assert latency.ttft_ms == pytest.approx(prompt_ms + delivery_ms, abs=3e-3)
    assert latency.e2e_ms(2) == latency.ttft_ms + latency.tpot_ms


@pytest.mark.parametrize("shortest", [1.0, 0.8])
def test_five_prompts_a_client_stand_for_ten(make_row, monkeypatch, shortest):
    """``WAVES`` is a trick for speed; this is its slow twin."""
    row = make_row(concurrency=16, prompt_tokens=700, output_tokens=120)
    clients = Clients(10, shortest, together=True)
    short = replay(row, PROFILE, clients, SYNCHRONOUS)
    monkeypatch.setattr(module, "WAVES", 10)
    long = replay(row, PROFILE, clients, SYNCHRONOUS)
    assert short != long
    assert short.tpot_ms == pytest.approx(long.tpot_ms, rel=0.02)
    assert short.ttft_ms == pytest.approx(long.ttft_ms, rel=0.10)


def test_lengths_are_those_of_the_source_and_the_same_every_time(make_row):
    row = make_row(concurrency=50, prompt_tokens=1000, output_tokens=200)
    requests = requests_of(row, Clients(10, 0.8, together=True), 4)
    assert len(requests) == 200
    prompts = [request.prompt_tokens for request in requests]
    assert 800 <= min(prompts) < 820
    assert 980 < max(prompts) <= 1000
    assert requests == requests_of(row, Clients(10, 0.8, together=True), 4)
    equal = requests_of(row, EQUAL, 1)
    assert {request.output_tokens for request in equal} == {200}


def test_clients_that_begin_one_after_another_wait_less(make_row):
    row = make_row(concurrency=16, prompt_tokens=700, output_tokens=120)
    together = replay(row, PROFILE, EQUAL, SYNCHRONOUS)
    apart = replay(row, PROFILE, replace(EQUAL, together=False), SYNCHRONOUS)
    assert apart.ttft_ms < together.ttft_ms / 2


def test_an_asynchronous_engine_sees_new_requests_a_batch_later(make_row):
    row = make_row(concurrency=8, prompt_tokens=300, output_tokens=120)
    ahead = replace(SYNCHRONOUS, asynchronous=True)
    clients = Clients(10, 0.8, together=True)
    late, early = (replay(row, PROFILE, clients, serving) for serving in (ahead, SYNCHRONOUS))
    assert late.ttft_ms > early.ttft_ms + 0.4 * early.tpot_ms


def test_sglang_looks_rarely_where_its_scripts_say_so(make_row):
    configuration = replace(make_row().configuration, engine="sglang")
    row = make_row(configuration, concurrency=8, prompt_tokens=300, output_tokens=120)
    clients = Clients(10, 0.8, together=True)
    often, rarely = (
        replay(row, PROFILE, clients, replace(SYNCHRONOUS, poll_steps=steps)) for steps in (1, 30)
    )
    assert rarely.ttft_ms > often.ttft_ms + 5 * often.tpot_ms
    assert isinstance(rarely, Latency)
