"""Conversations, and the lengths of the requests in them.

A conversation is an object with a list of turns under one of ``TURNS``; a turn is an object that
says who speaks (``from`` or ``role``) and what (``value`` or ``content``; a text, or a list of
parts of which some are texts). ShareGPT, openchat, LMSYS-Chat, WildChat, UltraChat and OpenAI's own
form are all of these. Each answer is one request: its output is that turn, its prompt all turns
before it. A text under one of ``SYSTEM`` beside the turns is the first of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slaibench.workloads.errors import WorkloadError, printable
from slaibench.workloads.lengths import Lengths
from slaibench.workloads.transcript import Conversation, Message, Transcript

TURNS = ("items", "conversations", "conversation", "messages", "turns")
SYSTEM = ("system", "system_prompt")
"""Beside the turns: what the system says before them."""
SPEAKERS = ("from", "role", "speaker")
TEXTS = ("value", "content", "text")
ASSISTANTS = frozenset(
    {
        *("assistant", "gpt", "chatgpt", "model", "bot", "chatbot", "ai"),
        *("claude", "bard", "bing", "gemini", "gpt4", "gpt-4"),
    }
)
"""Who answers, in small letters; every other role (human, user, system, tool) only adds to
prompts."""
MOST_ROLES = 8
NO_TURNS = "conversations without turns left out"


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
        transcripts: the text of each one's prompt.
        num_rounds: assistant turns seen, kept or not.
        odd: what was not taken as it is, in words, with how often.
        roles: who speaks, with how often.
    """

    lengths: Lengths
    transcripts: Sequence[Transcript]
    num_rounds: int
    odd: Mapping[str, int] = field(default_factory=dict)
    roles: Mapping[str, int] = field(default_factory=dict)

    @property
    def remarks(self) -> str:
        """What was not taken as it is; empty: nothing."""
        return ", ".join(f"{words}: {count:,}" for words, count in sorted(self.odd.items()))

    @property
    def speakers(self) -> str:
        """Who speaks, for a message that nobody answers."""
        names = sorted(self.roles, key=lambda name: (-self.roles[name], name))[:MOST_ROLES]
        return printable(", ".join(names)) or "nobody"


def rounds(
    conversations: Iterable[Any], count_tokens: Callable[[str], int], limits: Limits
) -> Rounds:
    """Lengths of all requests within the limits.

    A turn's tokens are counted by itself and without a chat template, so a prompt is the sum over
    its turns. Requests with an empty prompt or an empty output are left out. So are turns without
    a text, and conversations without turns; these are counted (``Rounds.odd``).

    Raises:
        WorkloadError: a conversation is not of the form above; the message has its position.
    """
    prompts: list[int] = []
    outputs: list[int] = []
    transcripts: list[Transcript] = []
    odd: Counter[str] = Counter()
    roles: Counter[str] = Counter()
    num_rounds = 0
    for position, conversation in enumerate(conversations, start=1):
        prompt_tokens = 0
        said = Conversation()
        for role, text in turns_of(conversation, position, odd):
            answers = is_assistant(role)
            num_rounds += answers
            roles[role] += 1
            if prompt_tokens >= limits.max_total_tokens:
                continue  # No later round can fit; counting its tokens would be for nothing.
            words = encodable(text, odd)
            tokens = count_tokens(words)
            total_tokens = prompt_tokens + tokens
            if (
                answers
                and min(prompt_tokens, tokens) >= 1
                and tokens <= limits.max_output_tokens
                and total_tokens <= limits.max_total_tokens
            ):
                prompts.append(prompt_tokens)
                outputs.append(tokens)
                transcripts.append(Transcript(said, len(said.messages)))
            said.messages.append(message_of(role, words))
            prompt_tokens = total_tokens
    lengths = Lengths(np.array(prompts, dtype=np.int64), np.array(outputs, dtype=np.int64))
    return Rounds(lengths, transcripts, num_rounds, dict(odd), dict(roles))


def turns_of(conversation: Any, position: int, odd: Counter[str]) -> Iterator[tuple[str, str]]:
    """Who says what, turn by turn.

    Args:
        position: of the conversation, from 1, for messages.
        odd: counts what is not taken as it is.

    Raises:
        WorkloadError: it is not of the form above.
    """
    try:
        yield from _said(conversation, position, odd)
    except RecursionError:
        raise WorkloadError(f"conversation {position}: it is nested too deeply") from None


def _said(conversation: Any, position: int, odd: Counter[str]) -> Iterator[tuple[str, str]]:
    if conversation is None:
        odd[NO_TURNS] += 1
        return
    if not isinstance(conversation, Mapping):
        shown = printable(repr(conversation))
        raise WorkloadError(f"conversation {position}: an object is needed, not {shown}")
    keys = [key for key in TURNS if key in conversation]
    filled = [key for key in keys if conversation[key] not in (None, "", [], {})]
    items = _listed(conversation[(filled or keys)[0]]) if keys else ()
    if items is None or items == []:
        odd[NO_TURNS] += 1
        return
    if not isinstance(items, list):
        keys_shown = printable(", ".join(map(str, conversation)))
        raise WorkloadError(
            f"conversation {position}: a list under one of {', '.join(TURNS)} is needed; "
            f"found: {keys_shown or 'nothing'}"
        )
    system = _system(conversation, odd)
    if system is not None and system != _text(_first(items[0], TEXTS), Counter()):
        yield "system", system  # some files say it in the first turn too
    for item in items:
        if item is None:
            odd["turns without a text left out"] += 1
            continue
        role, text = (_first(item, SPEAKERS), _first(item, TEXTS))
        said = _text(text, odd)
        if said is None and isinstance(role, str):
            odd["turns without a text left out"] += 1
            continue
        if not (isinstance(role, str) and isinstance(said, str)):
            raise WorkloadError(
                f"conversation {position}: each turn needs 'from' (or 'role') and 'value' (or "
                f"'content') as texts, not {printable(str(item))[:80]}"
            )
        yield role, said


def _system(conversation: Mapping[str, Any], odd: Counter[str]) -> str | None:
    """What the system says before the turns; None: nothing."""
    text = _text(_first(conversation, SYSTEM), odd)
    if text is not None and not isinstance(text, str):
        odd["system prompts that are no text left out"] += 1
        return None
    return text


def _listed(turns: Any) -> Any:
    """Turns as a list: packages hand an object of columns over, and some files hold JSON in a
    text."""
    if isinstance(turns, str):
        try:
            return json.loads(turns)
        except ValueError:
            return turns  # what is nested too deeply to be read raises RecursionError
    if isinstance(turns, Mapping) and turns and all(isinstance(v, list) for v in turns.values()):
        columns = list(turns.values())
        if len({len(column) for column in columns}) == 1:
            return [dict(zip(turns, row, strict=True)) for row in zip(*columns, strict=True)]
    return turns


def _first(item: Any, keys: Iterable[str]) -> Any:
    """The first of these that is there and not null."""
    if not isinstance(item, Mapping):
        return ()
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _text(content: Any, odd: Counter[str]) -> Any:
    """What a turn says; None: nothing. Of parts those that are texts; others (pictures) are left
    out, and counted. What is neither is handed back."""
    if isinstance(content, Mapping):
        return _text(_first(content, ("text", "parts", "content")), odd)
    if not isinstance(content, list):
        return content
    said = [part if isinstance(part, str) else _first(part, ("text",)) for part in content]
    texts = [text for text in said if isinstance(text, str)]
    if len(texts) < len(said):
        odd["parts that are no text left out"] += len(said) - len(texts)
    return "".join(texts) if texts else None


def message_of(role: str, text: str) -> Message:
    """A turn as a message; who is neither the assistant nor the system is the user."""
    if is_assistant(role):
        return Message("assistant", text)
    return Message("system" if role.strip().lower() == "system" else "user", text)


def is_assistant(role: str) -> bool:
    """Whether who speaks is the one that answers."""
    return role.strip().lower() in ASSISTANTS


def encodable(text: str, odd: Counter[str]) -> str:
    """A text without half characters (lone surrogates), which no tokenizer takes."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        odd["turns with half a character, which was replaced"] += 1
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
