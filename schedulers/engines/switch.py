"""Another scheduler on a running server, so that one server can be measured under several."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

logger = logging.getLogger(__name__)

REQUEST_KEY = "slaibench_scheduler"
"""Among a request's extra arguments: the scheduler from then on."""


class Switch:
    """Watches for requests that ask for another scheduler.

    Such a request counts only when it finds the engine idle. Once it is served, the new scheduler
    starts from scratch, and the prefix cache is empty: nothing of what ran before is left.

    Args:
        use: has another scheduler decide; raises ValueError or RuntimeError if it cannot.
        empty_cache: forgets every prefix.
    """

    def __init__(self, use: Callable[[str], None], empty_cache: Callable[[], Any]) -> None:
        self._use, self._empty_cache = use, empty_cache
        self._wanted: str | None = None

    def look_at(self, said: Any, busy: bool) -> None:
        """Note a request's wish, before it is added.

        Args:
            said: its extra arguments, whatever a client made of them.
            busy: whether the engine holds other requests.
        """
        text = said.get(REQUEST_KEY) if isinstance(said, Mapping) else None
        if not isinstance(text, str):
            return
        if busy:
            logger.error("scheduler %s was asked for while requests run: not switched", text)
            return
        self._wanted = text

    def engine_is_idle(self) -> None:
        """The last request is done: switch, if somebody asked for it."""
        if self._wanted is None:
            return
        text, self._wanted = self._wanted, None
        try:
            self._use(text)
        except (ValueError, RuntimeError) as error:
            logger.error("scheduler %s: %s; not switched", text, error)
            return
        self._empty_cache()
