"""Greedy token ids of the same requests under several schedulers, from one running server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from slaibench.backends.base import BackendError
from slaibench.backends.engines.running import RunningEngine

OUTPUT_TOKENS = 48
PROMPTS = (16, 900)
"""Tokens of the shortest and of the longest prompt, where the context has room for it."""
SEED = 20_261_126

Ids = list[list[int]]


def prompts(vocab: int, number: int, context_tokens: int) -> Ids:
    """The same in every run: random ids, of lengths all over ``PROMPTS``."""
    random = np.random.default_rng(SEED)
    shortest, longest = PROMPTS
    lengths = random.integers(shortest, min(longest, context_tokens - OUTPUT_TOKENS), number)
    return [random.integers(10, vocab - 10, length).tolist() for length in lengths]


def answers(running: RunningEngine, engine: str, model: str, prompt_ids: Ids) -> Ids:
    """What a server says to all of them, asked at once.

    Raises:
        BackendError: it refuses one.
    """

    def answer(prompt: list[int]) -> list[int]:
        path, body = _request(engine, model, prompt)
        status, text = running.server.request(path, body, limit_s=120.0)
        if status != 200:
            raise BackendError(f"{path} answers {status}: {text[:300]}")
        return _ids(engine, json.loads(text))

    with ThreadPoolExecutor(len(prompt_ids)) as pool:
        return list(pool.map(answer, prompt_ids))


def compared(own: Ids, other: Ids) -> dict[str, Any]:
    """How far other ids agree with the engine's own.

    Returns:
        Share of requests that are equal to their end, share of tokens before the first difference
        of each, and the place of the earliest one (None: all are equal).
    """
    firsts = [_first_difference(a, b) for a, b in zip(own, other, strict=True)]
    places = [place for place in firsts if place is not None]
    total = sum(map(len, own))
    agreed = sum(len(a) if at is None else at for a, at in zip(own, firsts, strict=True))
    return {
        "requests_equal": 1 - len(places) / len(own),
        "first_tokens_equal": sum(a[:1] == b[:1] for a, b in zip(own, other, strict=True))
        / len(own),
        "tokens_before_a_difference": agreed / total,
        "earliest_difference": min(places, default=None),
    }


def greedy(
    running: RunningEngine, engine: str, model: str, prompt_ids: Ids, schedulers: Sequence[str]
) -> dict[str, Any]:
    """The engine's own scheduler twice (what batches alone do to rounding), then each of ours.

    Args:
        asked: ``prompts``.
    """
    running.switch("engine")
    own = answers(running, engine, model, prompt_ids)
    agreement: dict[str, Any] = {}
    for name in ("engine", *schedulers):
        running.switch(name)
        agreement["engine again" if name == "engine" else name] = compared(
            own, answers(running, engine, model, prompt_ids)
        )
    distinct = len({tuple(ids) for ids in own})
    return {
        "requests": len(prompt_ids),
        "output_tokens": OUTPUT_TOKENS,
        "distinct_answers": distinct,
        "distinct_tokens": len({token for ids in own for token in ids}),
        "against_the_engines_own": agreement,
    }


def _request(engine: str, model: str, prompt: list[int]) -> tuple[str, dict[str, Any]]:
    if engine == "sglang":
        params = {"temperature": 0, "max_new_tokens": OUTPUT_TOKENS, "ignore_eos": True}
        return "/generate", {"input_ids": prompt, "sampling_params": params}
    return "/v1/completions", {
        "model": model,
        "prompt": prompt,
        "max_tokens": OUTPUT_TOKENS,
        "temperature": 0,
        "ignore_eos": True,
        "return_token_ids": True,
    }


def _ids(engine: str, answer: dict[str, Any]) -> list[int]:
    ids = answer["output_ids"] if engine == "sglang" else answer["choices"][0]["token_ids"]
    return list(ids)


def _first_difference(a: list[int], b: list[int]) -> int | None:
    for place, (left, right) in enumerate(zip(a, b, strict=False)):
        if left != right:
            return place
    return None if len(a) == len(b) else min(len(a), len(b))
