"""Prompts of a chosen length."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from slaibench.client.prompts import (
    WORDS,
    ConversationPrompts,
    TokenIdPrompts,
    WordPrompts,
    calibrate,
)
from slaibench.endpoint.url import Api
from slaibench.workloads.generate import prompt_token_ids
from slaibench.workloads.request import Request
from slaibench.workloads.transcript import Conversation, Message, Transcript


def request(tokens: int, request_id: int = 0) -> Request:
    return Request(request_id, 0.0, tokens, 1)


def test_token_ids_are_the_workloads_own() -> None:
    ids = TokenIdPrompts(500, 3).prompt(request(40, 9), seed=5)
    assert np.array_equal(np.asarray(ids), prompt_token_ids(request(40, 9), 5, 500, 3))


@pytest.mark.parametrize("tokens", [1, 2, 50, 3000])
def test_uncalibrated_a_word_is_a_token(tokens: int) -> None:
    assert len(str(WordPrompts().prompt(request(tokens), seed=0)).split()) == tokens


def test_prompts_repeat_by_seed_and_differ_by_request() -> None:
    prompts = WordPrompts()
    assert prompts.prompt(request(50, 1), 7) == prompts.prompt(request(50, 1), 7)
    assert prompts.prompt(request(50, 1), 7) != prompts.prompt(request(50, 2), 7)
    assert prompts.prompt(request(50, 1), 7) != prompts.prompt(request(50, 1), 8)


def test_words_are_distinct_and_plain() -> None:
    assert len(set(WORDS)) == len(WORDS)
    assert all(word.isascii() and word.isalpha() and word.islower() for word in WORDS)


def bytes_each(text: str) -> int:
    """A byte-level vocabulary with a token before the prompt."""
    return 1 + len(text.encode())


def words_each(text: str) -> int:
    """A common vocabulary and a chat template of ten tokens; some words are two tokens."""
    return 10 + sum(2 if word in WORDS[:20] else 1 for word in text.split())


@pytest.mark.parametrize("tokens", [11, 12, 13, 100, 2000])
def test_calibrated_on_words_lengths_are_exact(tokens: int) -> None:
    prompts = calibrate(words_each)
    assert prompts.exact
    assert not set(prompts.words) & set(WORDS[:20])
    assert words_each(str(prompts.prompt(request(tokens), seed=1))) == tokens


@pytest.mark.parametrize("tokens", [4, 50, 51, 52, 53, 1000])
def test_calibrated_on_bytes_lengths_fall_short_by_less_than_a_word(tokens: int) -> None:
    prompts = calibrate(bytes_each)
    assert not prompts.exact
    short = tokens - bytes_each(str(prompts.prompt(request(tokens), seed=1)))
    assert 0 <= short < min(prompts.costs)


def test_a_count_that_does_not_add_up_is_not_called_exact() -> None:
    def caps(text: str) -> int:
        return 1 + min(len(text.split()), 100)

    assert not calibrate(caps).exact


@pytest.mark.parametrize("count", [lambda text: 5, lambda text: len(text) % 7])
def test_a_count_that_makes_no_sense_leaves_the_default(count: Callable[[str], int]) -> None:
    assert not calibrate(count).exact


def test_what_was_said_goes_as_a_text_or_as_messages() -> None:
    said = Transcript(Conversation([Message("user", "Hello."), Message("assistant", "Yes?")]), 1)
    real = Request(0, 0.0, 2, 1, transcript=said)
    assert ConversationPrompts(Api.COMPLETIONS).prompt(real, seed=0) == "Hello.\n"
    messages = [{"role": "user", "content": "Hello."}]
    assert ConversationPrompts(Api.CHAT).prompt(real, seed=1) == messages
    with pytest.raises(ValueError, match="request 4 has no text: take a workload that has them"):
        ConversationPrompts(Api.CHAT).prompt(request(5, 4), seed=0)
