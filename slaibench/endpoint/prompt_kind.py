"""What prompts are made of, as ``--prompts`` says it."""

from __future__ import annotations

from enum import StrEnum


class PromptKind(StrEnum):
    """Of what a client makes prompts.

    Random token ids have exact lengths, and only the completions interface takes them; random
    words come close; what was really said has the lengths that the server counts.
    """

    TOKEN_IDS = "token-ids"
    TEXT = "text"
    CONVERSATION = "conversation"
