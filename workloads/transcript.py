"""What was really said before an answer, where a workload has the texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

CHAT_ROLES = ("system", "user", "assistant")
"""Who speaks in a request of OpenAI's chat interface."""


class Message(NamedTuple):
    """One turn of a conversation: who speaks (of ``CHAT_ROLES``), and what."""

    role: str
    text: str


@dataclass
class Conversation:
    """All that was said, in order; filled while it is read, and not changed after that."""

    messages: list[Message] = field(default_factory=list)

    @cached_property
    def digest(self) -> str:
        """Of every word in it."""
        digest = hashlib.sha256()
        for message in self.messages:
            for part in message:
                data = part.encode()
                digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Transcript:
    """The prompt of one answer.

    Args:
        conversation: of which it is the beginning; one object for all of its prompts.
        count: how many messages of it come before the answer.
    """

    conversation: Conversation
    count: int

    def __repr__(self) -> str:
        """Short, and another one for other words: workloads are hashed by it."""
        return f"{self.conversation.digest}:{self.count}"

    @property
    def messages(self) -> Sequence[Message]:
        """Those before the answer."""
        return self.conversation.messages[: self.count]

    @property
    def text(self) -> str:
        """They as one text without names of speakers, each on a line of its own: a later prompt of
        the conversation begins with it."""
        return "".join(f"{message.text}\n" for message in self.messages)

    @property
    def chat(self) -> list[dict[str, str]]:
        """They as messages of the chat interface; what one says in several turns is one, since chat
        templates want speakers to take turns."""
        return [
            {"role": role, "content": "\n".join(message.text for message in said)}
            for role, said in groupby(self.messages, key=lambda message: message.role)
        ]
