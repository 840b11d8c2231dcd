"""Conversations in ShareGPT's form, and the lengths of the requests in them.

A conversation is an object with a list of turns under ``items`` (openchat) or ``conversations``
(ShareGPT): ``{"from": "human" | "gpt", "value": text}``. Each assistant turn is one request: its
output is that turn, its prompt all turns before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workloads.errors import WorkloadError
from workloads.lengths import Lengths

TURNS = ("items", "conversations")
ASSISTANTS = frozenset({"gpt", "assistant", "chatgpt", "bing", "bard"})
"""Who answers; every other role (human, user, system, tool) only adds to prompts."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Which requests are kept; the others are left out, never cut.

    Args:
        max_total_tokens: most prompt plus output tokens.
        max_output_tokens: most output tokens.
    """

    max_total_tokens: int = 8192
    max_output_tokens: int = 1024


@dataclass(frozen=True, slots=True)
class Rounds:
    """Requests found in conversations.

    Args:
        lengths: of the requests kept, conversation after conversation.
        num_rounds: assistant turns seen, kept or not.
        num_conversations: conversations seen.
    """

    lengths: Lengths
    num_rounds: int
    num_conversations: int


def read_conversations(path: Path) -> list[Any]:
    """The conversations of a JSON file.

    Raises:
        WorkloadError: the file is missing, not JSON, or not a list with something in it.
    """
    if not path.is_file():
        raise WorkloadError(f"{path}: no such file")
    try:
        conversations = json.loads(path.read_bytes())
    except (ValueError, OSError) as error:
        raise WorkloadError(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(conversations, list) or not conversations:
        raise WorkloadError(f"{path}: a list of conversations is needed, and not an empty one")
    return conversations


def rounds(
    conversations: Iterable[Any], count_tokens: Callable[[str], int], limits: Limits
) -> Rounds:
    """Lengths of all requests within the limits.

    A turn's tokens are counted by itself and without a chat template, so a prompt is the sum over
    its turns. Requests with an empty prompt or an empty output are left out.

    Raises:
        WorkloadError: a conversation is not of the form above; the message has its position.
    """
    prompts: list[int] = []
    outputs: list[int] = []
    num_rounds = num_conversations = 0
    for position, conversation in enumerate(conversations, start=1):
        num_conversations = position
        prompt_tokens = 0
        for role, text in _turns(conversation, position):
            answers = role in ASSISTANTS
            num_rounds += answers
            if prompt_tokens >= limits.max_total_tokens:
                continue  # No later round can fit; counting its tokens would be for nothing.
            tokens = count_tokens(text)
            total_tokens = prompt_tokens + tokens
            if (
                answers
                and min(prompt_tokens, tokens) >= 1
                and tokens <= limits.max_output_tokens
                and total_tokens <= limits.max_total_tokens
            ):
                prompts.append(prompt_tokens)
                outputs.append(tokens)
            prompt_tokens = total_tokens
    lengths = Lengths(np.array(prompts, dtype=np.int64), np.array(outputs, dtype=np.int64))
    return Rounds(lengths, num_rounds, num_conversations)


def _turns(conversation: Any, position: int) -> list[tuple[str, str]]:
    if not isinstance(conversation, Mapping):
        raise WorkloadError(f"conversation {position}: an object is needed, not {conversation!r}")
    items = next((conversation[key] for key in TURNS if key in conversation), None)
    if not isinstance(items, list):
        raise WorkloadError(
            f"conversation {position}: a list under one of {', '.join(TURNS)} is needed; "
            f"found: {', '.join(map(str, conversation)) or 'nothing'}"
        )
    turns = []
    for item in items:
        role, text = (
            (item.get("from"), item.get("value")) if isinstance(item, Mapping) else (None, None)
        )
        if not (isinstance(role, str) and isinstance(text, str)):
            raise WorkloadError(
                f"conversation {position}: each turn needs 'from' and 'value' as texts, "
                f"not {str(item)[:80]}"
            )
        turns.append((role, text))
    return turns


def mistral_token_counter() -> Callable[[str], int]:
    """Counts tokens as Mistral-7B-Instruct-v0.2 does (tokenizer v1, 32,000 words).

    The tokenizer's file is part of the package ``mistral-common``: nothing is downloaded.

    Raises:
        WorkloadError: the package, or ``sentencepiece`` which it needs for this, is missing.
    """
    try:
        import sentencepiece  # noqa: F401, PLC0415
        from mistral_common.tokens.tokenizers.mistral import MistralTokenizer  # noqa: PLC0415
    except ImportError as error:
        raise WorkloadError(
            "counting tokens needs mistral-common and sentencepiece: "
            f"pip install 'slaibench[datasets]' ({error})"
        ) from error
    tokenizer = MistralTokenizer.v1().instruct_tokenizer.tokenizer
    return lambda text: len(tokenizer.encode(text, bos=False, eos=False))
