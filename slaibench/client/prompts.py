"""Prompts: token ids or words of a chosen length, or what was really said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from slaibench.endpoint.url import Api
from slaibench.workloads.generate import prompt_token_ids
from slaibench.workloads.request import Request

Prompt = str | npt.NDArray[np.int64] | list[dict[str, str]]
"""A text, token ids, or messages of the chat interface."""

CountTokens = Callable[[str], int]
"""Tokens of a text as the server counts them, with what it puts around it."""

_TEXT = """
time year people way day man thing woman life child world school state family student group
country problem hand part place case week company system program question work government
number night point home water room mother area money story fact month lot right study book
eye job word business issue side kind head house service friend father power hour game line
end member law car city name team minute idea body
"""
WORDS = tuple(_TEXT.split())
"""Common English words: with a space before it, each is one token in the usual vocabularies."""


class Prompts(Protocol):
    """Where prompts come from; pickles, since each client process makes its own part."""

    def prompt(self, request: Request, seed: int) -> Prompt:
        """The same for the same request and seed, and unlike every other request's."""


@dataclass(frozen=True, slots=True)
class TokenIdPrompts:
    """Prompts of exactly the wanted number of token ids (completions only).

    Args:
        vocab_size, first_id: ids are drawn from ``first_id`` up to ``vocab_size``.
    """

    vocab_size: int
    first_id: int = 0

    def prompt(self, request: Request, seed: int) -> Prompt:
        """As ``Prompts``."""
        return prompt_token_ids(request, seed, self.vocab_size, self.first_id)


@dataclass(frozen=True, slots=True)
class WordPrompts:
    """Prompts of words.

    Uncalibrated, a word counts as a token, which holds for the usual vocabularies to a few percent;
    what a server or chat template puts before it comes on top. The server's own count of prompt
    tokens is what a recording keeps, where it gives one.

    Args:
        words: drawn from uniformly; after ``opening``, each with a space before it.
        costs: tokens of each word.
        opening: the first word of every prompt.
        opening_tokens: tokens of a prompt of only that, with all that the server adds.
        exact: whether lengths come out exactly, but for those below ``opening_tokens``.
    """

    words: tuple[str, ...] = WORDS
    costs: tuple[int, ...] = (1,) * len(WORDS)
    opening: str = "The"
    opening_tokens: int = 1
    exact: bool = False

    def prompt(self, request: Request, seed: int) -> Prompt:
        """As ``Prompts``."""
        draws = prompt_token_ids(request, seed, len(self.words)).tolist()
        left = request.prompt_tokens - self.opening_tokens
        chosen = [self.opening]
        least = min(self.costs)
        cheapest = self.words[self.costs.index(least)]
        for draw in draws:
            if left < least:
                break
            fits = self.costs[draw] <= left
            chosen.append(self.words[draw] if fits else cheapest)
            left -= self.costs[draw] if fits else least
        return " ".join(chosen)


@dataclass(frozen=True, slots=True)
class ConversationPrompts:
    """The texts of requests that have one.

    Args:
        api: over the chat interface they are messages, each with who says it.
    """

    api: Api

    def prompt(self, request: Request, seed: int) -> Prompt:
        """As ``Prompts``; whatever the seed.

        Raises:
            ValueError: the request has none.
        """
        said = request.transcript
        if said is None:
            raise ValueError(
                f"request {request.request_id} has no text: take a workload that has them, or "
                "other prompts"
            )
        return said.chat if self.api is Api.CHAT else said.text


def calibrate(count_tokens: CountTokens) -> WordPrompts:
    """Word prompts that come out as long as wanted, by one server's own count.

    Each word is counted four times over after the opening word: with a vocabulary that splits at
    spaces, as nearly all do, lengths then add up. Words of one token are kept alone if there are
    at least eight, since any length can be made of them. Whether lengths do add up is tried on a
    prompt of 300 tokens.
    """
    opening = WordPrompts().opening
    base = count_tokens(opening)
    costs = {}
    for word in WORDS:
        four = count_tokens(" ".join([opening] + [word] * 4)) - base
        if four > 0 and four % 4 == 0:
            costs[word] = four // 4
    single = {word: cost for word, cost in costs.items() if cost == 1}
    kept = single if len(single) >= 8 else costs
    if not kept:
        return WordPrompts()
    prompts = WordPrompts(tuple(kept), tuple(kept.values()), opening, base)
    wanted = base + 300
    tried = str(prompts.prompt(Request(0, 0.0, wanted, 1), seed=0))
    exact = kept is single and count_tokens(tried) == wanted
    return WordPrompts(prompts.words, prompts.costs, opening, base, exact)
