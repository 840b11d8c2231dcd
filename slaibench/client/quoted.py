"""A server's words, as messages and recordings have them: short, and without our secrets."""

from __future__ import annotations

import html
import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"
SHORTEST_SECRET = 4
"""Characters of a value that is masked; a shorter one is in words that say nothing of it."""
_SURE = 8
"""So many of a secret's first characters are masked by themselves: servers cut what they echo."""
_MOST_READ = 1 << 14
"""Characters of a server's words that are looked at."""
_PIECE = re.compile(r"[^\s;,=]{8,}")


def excerpt(text: bytes | str, limit: int = 300) -> str:
    """The start of a server's text, on one line, of characters that any terminal and file take."""
    start = text[: 4 * limit]
    if isinstance(start, str):
        start = start.encode(errors="replace")
    words = start.decode(errors="replace").split()
    line = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in " ".join(words)
    )
    return line if len(line) <= limit else line[: limit - 3] + "..."


class Quoter:
    """Quotes a server that may echo what it was sent.

    Args:
        secrets: values that were sent and that nobody may read: each is masked, as it is, escaped
            as in JSON, HTML or a URL, and in its parts (a header's credential without its scheme).
    """

    __slots__ = ("_forms",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        every = {_small(form) for secret in secrets for form in _forms(secret)}
        self._forms = sorted(form for form in every if len(form) >= SHORTEST_SECRET)

    def __call__(self, text: bytes | str, limit: int = 300) -> str:
        """An excerpt of a server's words."""
        if self._forms:
            start = text[:_MOST_READ]
            text = start if isinstance(start, str) else start.decode(errors="replace")
            text = self.masked(text)
        return excerpt(text, limit)

    def masked(self, text: str) -> str:
        """The text with each secret, and each beginning of one, replaced."""
        small = _small(text)
        shown: list[str] = []
        done = 0
        for begin, end in sorted(span for form in self._forms for span in _spans(form, small)):
            if begin > done or not shown:
                shown += [text[done:begin], HIDDEN]
            done = max(done, end)
        return "".join([*shown, text[done:]])


def _small(text: str) -> str:
    """In small letters, and as long as it was: few capitals become two letters."""
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)


def _spans(form: str, text: str) -> Iterator[tuple[int, int]]:
    """Where a secret, or the beginning of it, stands in a text."""
    start = form[:_SURE]
    begin = text.find(start)
    while begin >= 0:
        end = begin + len(start)
        while end < len(text) and end - begin < len(form) and text[end] == form[end - begin]:
            end += 1
        yield begin, end
        begin = text.find(start, begin + 1)
    for length in range(len(start) - 1, SHORTEST_SECRET - 1, -1):
        if text.endswith(form[:length]):  # Cut off by the end.
            yield len(text) - length, len(text)
            return


def _forms(secret: str) -> Iterator[str]:
    secret = secret.encode(errors="replace").decode()  # Halves of a character were not sent.
    for value in {secret, unquote(secret), *_PIECE.findall(secret), *_credentials(secret)}:
        escaped = json.dumps(value)[1:-1]
        yield from (value, quote(value, safe=""), quote(value), quote_plus(value))
        yield from (escaped, json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(escaped)[1:-1])
        yield from (html.escape(value), repr(value)[1:-1], escaped.replace("/", "\\/"))


def _credentials(header: str) -> Iterator[str]:
    """What a header's value holds behind its scheme; ``Basic`` also decoded."""
    scheme, _, rest = header.strip().partition(" ")
    if not rest.strip() or " " in rest.strip():
        return
    yield rest.strip()
    if scheme.lower() == "basic":
        try:
            decoded = b64decode(rest).decode()
        except ValueError:
            return
        yield decoded
        yield decoded.partition(":")[2]
