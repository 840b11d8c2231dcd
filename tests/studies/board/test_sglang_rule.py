"""SGLang's own rule: prompts first, the last one cut, and arrivals looked at now and then."""

from __future__ import annotations

from slaibench.backends.simulator.engine import Engine
from slaibench.backends.simulator.kv_blocks import KvBlocks
from slaibench.backends.simulator.state import SimRequest
from slaibench.costmodel import StaircaseCostModel
from slaibench.studies.board.sglang_rule import SglangRule
from slaibench.workloads.request import Request

TIMER = StaircaseCostModel(t_lin_s=0.001, t_col_tokens=64)


def engine_of(rule: SglangRule) -> Engine:
    return Engine(rule, TIMER, KvBlocks(10_000, 16))


def request(number: int, prompt: int = 100, output: int = 100) -> SimRequest:
    return SimRequest(Request(number, 0.0, prompt, output))


def test_prompts_go_before_decodes_and_the_last_is_cut_to_the_budget():
    engine = engine_of(SglangRule(token_budget=250, max_active=64, watermark=0.0))
    for number in range(3):
        engine.add(request(number))
    first, second = engine.step(), engine.step()
    assert [tokens for _, tokens in first.prefills] == [100, 100, 50]
    assert [tokens for _, tokens in second.prefills] == [50]
    assert not second.decodes
    assert len(engine.step().decodes) == 3


def test_who_arrives_is_seen_only_when_it_looks():
    engine = engine_of(SglangRule(poll_steps=5, token_budget=250, max_active=64, watermark=0.0))
    engine.add(request(0))
    assert engine.step().prefills
    engine.add(request(1))
    assert engine.step().prefills  # it looks at once after a batch of prompts
    assert engine.step().decodes
    engine.add(request(2))
    decodes = 0
    while not (batch := engine.step()).prefills:
        decodes += len(batch.decodes)
    assert decodes == 4 * 2  # five batches of decodes between two looks, one of them before


def test_an_idle_engine_looks_at_once():
    engine = engine_of(SglangRule(poll_steps=50, token_budget=250, max_active=64, watermark=0.0))
    engine.add(request(0, output=2))
    engine.step()
    engine.step()
    assert not engine.has_work
    engine.add(request(1))
    assert engine.step().prefills
