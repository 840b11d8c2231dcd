"""SGLang's output streamer, with a note of when it begins to tell of a step's tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class NotedStreamer:
    """Hands everything on to SGLang's own.

    Whoever hears of a token may act on it at once, so a step must have ended before.

    Args:
        inner: SGLang's.
        begins: called before anything is told.
    """

    def __init__(self, inner: Any, begins: Callable[[], None]) -> None:
        self._inner, self._begins = inner, begins

    def stream_output(self, *args: Any, **kwargs: Any) -> Any:
        self._begins()
        return self._inner.stream_output(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
