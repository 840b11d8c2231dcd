from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.studies.calibration.design import (
    DECODES_EACH,
    ProbeKind,
    ProbeScope,
    between,
    decode_counts,
    phases,
    token_sizes,
)


@st.composite
def scopes(draw: st.DrawFn) -> ProbeScope:
    max_active = draw(st.integers(3, 300))
    context = draw(st.integers(2 * DECODES_EACH, 20_000))
    budget = draw(st.integers(max_active + 1, 9_000))
    cache = draw(st.integers((max_active + 40) * 2 * DECODES_EACH + 2 * context, 10**7))
    return ProbeScope(budget, max_active, context, cache)


@settings(max_examples=30, deadline=None)
@given(scopes(), st.integers(0, 99))
def test_no_plan_breaks_the_engines_limits(scope: ProbeScope, seed: int) -> None:
    for phase in phases(scope):
        plan = phase.plan(seed)
        assert len(plan.pool) <= scope.max_active - 2
        requests = plan.requests()
        assert all(r.prompt_tokens + r.output_tokens <= scope.context_tokens for r in requests)
        assert max(plan.num_decodes()) <= DECODES_EACH
        held = sum(r.prompt_tokens + r.output_tokens for r in requests[: len(plan.pool)])
        assert held + scope.context_tokens <= scope.cache_tokens
        for visit in plan.visits:
            tokens = visit.decodes + sum(tokens for _, tokens in visit.chunks)
            assert 1 <= tokens <= scope.token_budget
            assert visit.decodes <= len(plan.pool)
            assert all(tokens >= 1 for _, tokens in visit.chunks)


@settings(max_examples=30, deadline=None)
@given(scopes(), st.integers(0, 99))
def test_every_cell_is_visited_once_with_the_history_it_says(scope: ProbeScope, seed: int) -> None:
    for phase in phases(scope):
        computed: dict[int, int] = defaultdict(int)
        visited = []
        for visit in phase.plan(seed).visits:
            cell = phase.cells[visit.cell]
            assert visit.decodes == cell.decodes
            chunks = []
            for number, tokens in visit.chunks:
                chunks.append((tokens, computed[number]))
                computed[number] += tokens
            assert tuple(chunks) == cell.chunks
            visited.append(visit.cell)
        assert sorted(visited) == list(range(len(phase.cells)))


def test_one_prompt_at_a_time_is_started() -> None:
    """SGLang keeps track of no more than one."""
    for phase in phases(ProbeScope(512, 128, 8192, 200_000)):
        unfinished: set[int] = set()
        plan = phase.plan(3)
        computed: dict[int, int] = defaultdict(int)
        for visit in plan.visits:
            for number, tokens in visit.chunks:
                computed[number] += tokens
                unfinished.add(number)
                if computed[number] == plan.prompts[number]:
                    unfinished.discard(number)
            assert len(unfinished) <= 1


def test_each_kind_has_cells_that_no_fit_sees() -> None:
    cells = [cell for phase in phases(ProbeScope(512, 64, 4096, 10**6)) for cell in phase.cells]
    for kind in ProbeKind:
        shares = [cell.held_out for cell in cells if cell.kind is kind and not cell.filler]
        assert 0.1 < sum(shares) / len(shares) < 0.45, kind


def test_orders_differ_between_rounds_and_cells_do_not() -> None:
    scope = ProbeScope(256, 16, 1024, 16_384)
    (first, *_), (again, *_) = phases(scope), phases(scope)
    assert first == again
    plan, other = first.plan(1), first.plan(2)
    assert plan != other
    key = {(visit.cell, visit.first, visit.decodes) for visit in plan.visits}
    assert key == {(visit.cell, visit.first, visit.decodes) for visit in other.visits}


def test_both_sides_of_every_tile_edge_are_measured() -> None:
    sizes = token_sizes(512)
    for edge in range(64, 512, 64):
        assert {edge, edge + 1} <= set(sizes)
    assert sizes[0] == 1
    assert sizes[-1] == 512
    assert not set(between(sizes)) & set(sizes)
    # CUDA graphs are captured for 8, 16, 24, ...: a decode more pays for the next graph.
    assert {8, 9, 16, 17, 24, 25} <= set(decode_counts(62))
    assert max(decode_counts(62)) == 62


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ((512, 2, 4096, 10**6), "max_active 2 leaves no decodes"),
        ((64, 64, 4096, 10**6), "a token budget of 64 leaves no room"),
        ((512, 64, 100, 10**6), "a context of 100 tokens is too short"),
        ((512, 64, 4096, 5000), "give more --kv-blocks"),
    ],
)
def test_a_scope_with_nothing_to_measure_is_refused(
    fields: tuple[int, int, int, int], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        ProbeScope(*fields)
