"""What SGLang cannot run in one batch is run in several, and nothing of it is lost."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from slaibench.schedulers.base import Batch
from slaibench.schedulers.engines.sglang_parts import one_kind_of_input, parts, still


def request(name: str, *, logprobs: bool = False, embedded: bool = False) -> Any:
    inner = SimpleNamespace(rid=name)
    return SimpleNamespace(
        inner=inner, wants_logprobs=logprobs, is_embedded=embedded, is_done=False
    )


def names(made: list[Batch]) -> list[tuple[str, str]]:
    return [
        (
            "".join(request.inner.rid for request in part.decodes),
            "".join(request.inner.rid for request, _ in part.prefills),
        )
        for part in made
    ]


A, B, C = request("a"), request("b"), request("c")
LOGPROBS, EMBEDDED = request("l", logprobs=True), request("e", embedded=True)


@pytest.mark.parametrize(
    ("decodes", "prefills", "expected"),
    [
        ([], [], [("", "")]),
        ([A], [B, C], [("a", "bc")]),
        ([LOGPROBS, A], [], [("la", "")]),
        ([], [LOGPROBS, B], [("", "lb")]),
        ([A], [LOGPROBS, B], [("a", ""), ("", "lb")]),
        ([LOGPROBS, A], [B], [("la", ""), ("", "b")]),
        ([A], [EMBEDDED], [("a", ""), ("", "e")]),
        ([], [B, EMBEDDED, C], [("", "bc"), ("", "e")]),
        ([A], [EMBEDDED, B], [("a", ""), ("", "b"), ("", "e")]),
    ],
)
def test_parts_hold_everything_once(
    decodes: list[Any], prefills: list[Any], expected: list[tuple[str, str]]
) -> None:
    batch = Batch(decodes, [(request, 7) for request in prefills], [C], 1.5, len(decodes))
    made = parts(batch)
    assert names(made) == expected
    assert [part.preempt for part in made] == [[C], *[[]] * (len(made) - 1)]
    assert sum(part.critical_decodes for part in made) == len(decodes)
    assert sum(part.num_tokens for part in made) == batch.num_tokens


def test_the_prompt_that_goes_on_comes_before_others() -> None:
    batch = Batch([], [(B, 7), (EMBEDDED, 7)])
    assert names(parts(batch, EMBEDDED.inner)) == [("", "e"), ("", "b")]
    assert names(parts(batch, B.inner)) == [("", "b"), ("", "e")]


def test_who_was_aborted_in_between_is_left_out() -> None:
    gone = SimpleNamespace(**{**vars(A), "is_done": True})
    part = Batch([A, gone, LOGPROBS], [(B, 7), (C, 7)], critical_decodes=3)
    left = still(part, [B], [A, gone])
    assert names([left]) == [("a", "b")]
    assert left.critical_decodes == 1


def test_sglangs_own_rule_sees_one_kind_of_input_and_the_queue_keeps_its_order() -> None:
    def waits(name: str, *, embedded: bool = False) -> Any:
        return SimpleNamespace(rid=name, input_embeds=[[1.0]] if embedded else None)

    a, b, e, f = waits("a"), waits("b"), waits("e", embedded=True), waits("f", embedded=True)
    engine = SimpleNamespace(waiting_queue=[e, a, f, b], chunked_req=None)
    late = waits("late")
    with one_kind_of_input(engine):
        assert engine.waiting_queue == [e, f]
        engine.waiting_queue = [f, late]
    assert engine.waiting_queue == [a, f, b, late]
    engine.chunked_req = a
    with one_kind_of_input(engine):
        assert engine.waiting_queue == [a, b, late]
