"""How many tokens one answer held, and when they came: what was seen beside what the server counts.

The server's own count comes with every event (continuous usage: a running sum), with the last one
alone (a total), or never. Neither it nor the events are believed on their own: a sum may stand
still while output comes, and an event may hold several tokens. ``Tokens`` stamps every event that
holds output, and decides at the end what the two together say.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from enum import StrEnum

from slaibench.client.completion import Event
from slaibench.recording.record import MAX_UNTIMED_SHARE

EVENTS_A_TOKEN = 10
EVENTS_MORE = 100
"""Events with output in an answer, at most: some gateways cut tokens into pieces, and an answer
that never ends must not fill the memory."""


class Counted(StrEnum):
    """By what the tokens of an answer were counted."""

    USAGE = "usage"
    """The server's count, which agrees with the events."""
    EVENTS = "events"
    """The server gives no count: each event with output is one token."""
    SEEN = "seen"
    """The server's count contradicts its events: each of them is one token."""
    TOTAL = "total"
    """The server's count, which is another than that of its events: some held several tokens, or a
    piece of one, and nothing tells which. First and last token have their times; those between have
    none."""


_NOTES = {
    Counted.EVENTS: "the server gives no token counts: each event with output counts as one token",
    Counted.SEEN: (
        "the server's token counts contradict its events, each of which counts as one token"
    ),
    Counted.TOTAL: (
        "tokens of some answers did not come one an event, but several together or in pieces: "
        "these answers have as many as the server counts, and times between them are not known "
        "(continuous usage would tell); with more than "
        f"{MAX_UNTIMED_SHARE:.0%} of such answers TBT is not reported"
    ),
}


def count_notes(counted: Mapping[str, int], exact_lengths: bool) -> list[str]:
    """What a reader must know of how tokens were counted.

    Args:
        counted: requests by ``Counted``.
        exact_lengths: whether only those of the length asked for are finished: as many events as
            tokens asked for need no word.
    """
    kinds = [kind for kind in _NOTES if not (exact_lengths and kind is Counted.EVENTS)]
    return [_NOTES[kind] for kind in kinds if counted.get(kind.value)]


class TokensError(ValueError):
    """A count, or a number of events, that no answer to this request can have."""


class Tokens:
    """Counts one answer's tokens.

    Args:
        max_tokens: output tokens asked for, which no count may exceed.

    Attributes:
        num: tokens so far: by the running sum where there is one, else events with output.
        prompt_tokens: as the server counted them; None: it did not say.
    """

    __slots__ = (
        "_ends_silently",
        "_fell",
        "_max_events",
        "_max_tokens",
        "_num_hidden",
        "_num_still",
        "_num_unsummed",
        "_odd",
        "_stamps",
        "_sum",
        "num",
        "prompt_tokens",
        "usage",
    )

    def __init__(self, max_tokens: int) -> None:
        self.num = 0
        self.prompt_tokens: int | None = None
        self.usage: int | None = None
        """The server's latest count; None: it has given none."""
        self._max_tokens = max_tokens
        self._max_events = EVENTS_A_TOKEN * max_tokens + EVENTS_MORE
        self._stamps = array("d")
        """One for each event that holds output, may be of a token, or whose sum grew."""
        self._odd: list[tuple[int, int, bool]] = []
        """Of stamps that are not one token shown: (place, growth of the sum, shows output)."""
        self._sum = 0
        self._num_hidden = 0
        """Stamps of events that show no output."""
        self._num_still = 0
        """Events with output whose sum did not grow, or that may be of a token and have no sum."""
        self._num_unsummed = 0
        """Events with output that came without a sum."""
        self._fell = False
        self._ends_silently = False
        """Whether the last stamp is of an event without output that only says why it ended."""

    def add(self, event: Event, now_s: float) -> None:
        """Take an event in that was read at ``now_s``.

        Raises:
            TokensError: the server counts more than was asked for, or its events never end.
        """
        total = event.completion_tokens
        if total is None:
            if event.shows:
                self._num_unsummed += 1
                self.num += 1
            elif event.silent:
                self._odd.append((len(self._stamps), 0, False))
                self._num_hidden += 1
                self._num_still += not event.finished
                self._ends_silently = event.finished
            else:
                return
        else:
            grew = total - self._sum
            if grew == 1 and event.shows and total <= self._max_tokens:
                self._sum = total
                self.num += 1
            elif not self._is_odd_output(event, total, grew):
                return
            self.usage = total
        self._stamps.append(now_s)
        if len(self._stamps) > self._max_events:
            raise TokensError(
                f"more than {self._max_events} events with output came, {self._max_tokens} tokens "
                "were asked for"
            )

    def _is_odd_output(self, event: Event, total: int, grew: int) -> bool:
        """Take in a sum that grew by another number than 1, or without output; whether the event
        needs a stamp."""
        if total > self._max_tokens:
            raise TokensError(
                f"the server counts {total} tokens (usage.completion_tokens), and "
                f"{self._max_tokens} were asked for at most"
            )
        self.usage = total
        self._fell = self._fell or grew < 0
        grew = max(0, grew)
        if not event.has_choice or not (event.shows or grew):
            return False
        self._odd.append((len(self._stamps), grew, event.shows))
        self._sum += grew
        self._num_hidden += not event.shows
        self._num_still += not grew
        self.num += grew
        return True

    def settled(self, *, whole: bool) -> tuple[array[float], Counted]:
        """The tokens' times, and by what they were counted.

        Args:
            whole: whether the answer is complete, so that the server's count is of all of it.
        """
        shown = len(self._stamps) - self._num_hidden
        # A few events may show output without a token of their own: what was held back, or a piece
        # of the token before.
        agrees = 2 * self._num_still < max(1, shown)
        runs = self._sum > 0 and agrees and not (self._num_unsummed or self._fell)
        times = self._by_sums() if runs else self._by_events()
        usage = self.usage
        if usage is None:
            return times, Counted.EVENTS
        if whole and not runs and usage > shown:
            times = self._with_silent(times, usage)
        if not whole or usage == len(times):
            return times, Counted.USAGE
        if usage > len(times) or len(times) > self._max_tokens >= usage > 0:
            return self._as_many(usage, times), Counted.TOTAL
        return times, Counted.SEEN

    def _with_silent(self, shown: array[float], usage: int) -> array[float]:
        """Events with output, and those without that the server's count says were tokens too."""
        every = self._stamps
        if self._ends_silently and usage == len(every) - 1:
            return every[:-1]
        return every if len(every) <= usage else shown

    def _by_sums(self) -> array[float]:
        if not self._odd:
            return self._stamps
        times, done = array("d"), 0
        for place, tokens, _ in self._odd:
            times += self._stamps[done:place]
            times.extend([self._stamps[place]] * tokens)
            done = place + 1
        return times + self._stamps[done:]

    def _by_events(self) -> array[float]:
        if not self._num_hidden:
            return self._stamps
        hidden = {place for place, _, shows in self._odd if not shows}
        return array("d", (t for place, t in enumerate(self._stamps) if place not in hidden))

    @staticmethod
    def _as_many(count: int, times: array[float]) -> array[float]:
        """So many tokens: the first and the last are when they were."""
        if not times or not count:
            return array("d")
        kept = times[:count]
        kept[-1] = times[-1]
        if count == 1:
            kept[0] = times[0]
        return kept + array("d", [times[-1]] * (count - len(kept)))
