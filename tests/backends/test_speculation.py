"""How many tokens a decode yields that drafts some: the law, and the same luck for everybody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.backends.speculation import Speculation, slots_of
from slaibench.schedulers.base import SchedulerError
from slaibench.schedulers.registry import build
from slaibench.workloads.request import Request


def request(output_tokens: int, request_id: int = 0) -> Request:
    return Request(request_id, 0.0, 5, output_tokens)


def decodes(yields: list[int]) -> list[int]:
    """What the decodes of a request yield one after another; its prefill gives the first token."""
    given, place = [], 1
    while place < len(yields):
        given.append(yields[place])
        place += yields[place]
    return given


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.6, 0.8, 0.95])
@pytest.mark.parametrize("draft_tokens", [1, 3, 7])
def test_a_decode_yields_as_much_as_the_formula_says(draft_tokens: int, rate: float) -> None:
    speculation = Speculation(draft_tokens, rate)
    assert speculation.expected_yield == pytest.approx(
        (1 - rate ** (draft_tokens + 1)) / (1 - rate), rel=1e-12
    )
    given = decodes(speculation.yields(7, request(200_000)))
    assert set(given) <= set(range(1, draft_tokens + 2))
    # At least 25,000 decodes, of a standard deviation below 3: four standard errors are 0.08.
    mean = sum(given) / len(given)
    assert mean == pytest.approx(speculation.expected_yield, abs=0.08)
    assert (mean == 1) is (rate == 0)


def test_all_drafts_are_right_until_the_last_token() -> None:
    assert Speculation(3, 1.0).yields(0, request(7)) == [4, 4, 4, 4, 3, 2, 1]


@given(
    draft_tokens=st.integers(1, 9),
    rate=st.floats(0, 1),
    total=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_fewer_drafts_meet_the_same_luck(
    draft_tokens: int, rate: float, total: int, seed: int
) -> None:
    many = Speculation(draft_tokens + 1, rate).yields(seed, request(total))
    few = Speculation(draft_tokens, rate).yields(seed, request(total))
    assert few == [min(tokens, draft_tokens + 1) for tokens in many]
    assert sum(decodes(few)) == total - 1
    longer = Speculation(draft_tokens, rate).yields(seed, request(total + 1))
    assert len(longer) == total + 1


def test_requests_and_seeds_differ_in_their_luck() -> None:
    draw = Speculation(3, 0.6).yields
    assert draw(0, request(100)) == draw(0, request(100))
    assert draw(0, request(100)) != draw(1, request(100))
    assert draw(0, request(100)) != draw(0, request(100, request_id=1))


def test_a_decode_may_not_need_two_blocks() -> None:
    Speculation(15, 0.5).check_block(16)
    with pytest.raises(ValueError, match=r"16 drafted tokens .* block of 16 .* draft 15 or fewer"):
        Speculation(16, 0.5).check_block(16)


def test_a_batch_has_to_hold_a_decode() -> None:
    speculation = Speculation(3, 0.5)
    speculation.check_scheduler(build("sarathi:token_budget=4"))
    with pytest.raises(SchedulerError, match=r"token budget of 3 .* token_budget=4 or more"):
        speculation.check_scheduler(build("sarathi:token_budget=3"))


@pytest.mark.parametrize(
    ("speculation", "longest", "slots"),
    [
        (None, 100, 19),
        (Speculation(3, 0.5), None, 22),
        (Speculation(3, 0.5), 100, 22),
        (Speculation(3, 0.5), 22, 21),
        (Speculation(3, 0.5), 20, 19),
    ],
)
def test_drafts_need_slots_up_to_the_longest_request(
    speculation: Speculation | None, longest: int | None, slots: int
) -> None:
    assert slots_of(20, speculation, longest) == slots
