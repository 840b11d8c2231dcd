"""Conversations as sessions: every prompt begins with the one before and its answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from slaibench.workloads.conversations import (
    Limits,
    Rounds,
    encodable,
    is_assistant,
    message_of,
    turns_of,
)
from slaibench.workloads.lengths import Lengths
from slaibench.workloads.terms import Terms
from slaibench.workloads.transcript import Conversation, Transcript

CUT = "conversations ended before a turn beyond the limits"


def conversation_sessions(
    conversations: Iterable[Any], count_tokens: Callable[[str], int], limits: Limits
) -> Rounds:
    """Turns of sessions, one for each answer; the column ``session`` says of which.

    As ``conversations.rounds``, but a conversation ends before the first turn beyond the limits,
    since a later one would hold an answer that was never generated. An answer to which nobody said
    anything, or that is empty, is no turn: it is text of the next prompt.

    Raises:
        WorkloadError: a conversation is of no known form; the message has its position.
    """
    prompts: list[int] = []
    outputs: list[int] = []
    sessions: list[int] = []
    transcripts: list[Transcript] = []
    odd: Counter[str] = Counter()
    roles: Counter[str] = Counter()
    num_rounds = 0
    for position, conversation in enumerate(conversations, start=1):
        said_tokens = added_tokens = 0
        is_over = False
        said = Conversation()
        for role, text in turns_of(conversation, position, odd):
            answers = is_assistant(role)
            num_rounds += answers
            roles[role] += 1
            if is_over:
                continue
            words = encodable(text, odd)
            tokens = count_tokens(words)
            if answers and min(added_tokens, tokens) >= 1:
                if (
                    tokens > limits.max_output_tokens
                    or said_tokens + tokens > limits.max_total_tokens
                ):
                    is_over = True
                    odd[CUT] += 1
                    continue
                prompts.append(said_tokens)
                outputs.append(tokens)
                sessions.append(position)
                transcripts.append(Transcript(said, len(said.messages)))
                added_tokens = 0
            else:
                added_tokens += tokens
            said.messages.append(message_of(role, words))
            said_tokens += tokens
    names = np.array([str(position) for position in sessions], dtype=np.str_)
    lengths = Lengths(
        np.array(prompts, dtype=np.int64),
        np.array(outputs, dtype=np.int64),
        terms=Terms({"session": names}),
    )
    return Rounds(lengths, transcripts, num_rounds, dict(odd), dict(roles))
