"""Whether a server's count of a prompt's tokens can be of what was sent to it."""

from __future__ import annotations

from collections.abc import Iterable

MOST_TIMES = 10
MOST_MORE = 10_000
"""A count may be so many times what was sent, and so many tokens more: a chat template and a
system prompt of the server's come on top, and words of few letters may be of several tokens."""


def is_plausible(sent: int, counted: int) -> bool:
    """Whether the count can be of a prompt of so many tokens."""
    return sent // MOST_TIMES <= counted <= MOST_TIMES * sent + MOST_MORE


def prompt_notes(pairs: Iterable[tuple[int, int | None]]) -> list[str]:
    """What a reader must know of counts that are not used.

    Args:
        pairs: of each request: tokens sent, tokens that the server counted; None: it did not say.
    """
    wrong = [(sent, n) for sent, n in pairs if n is not None and not is_plausible(sent, n)]
    if not wrong:
        return []
    sent, counted = max(wrong, key=lambda pair: pair[1])
    return [
        f"the server's counts of prompt tokens (usage.prompt_tokens) cannot be of what was sent, "
        f"as {counted:,} of a prompt of {sent:,} tokens, and are not used"
    ]
