"""What one client process is given, and who in it waits for whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slaibench.client.prompts import Prompts
from slaibench.client.target import Target
from slaibench.workloads.request import Request
from slaibench.workloads.schedule import followers_of


@dataclass(frozen=True, slots=True)
class LoadPart:
    """What one process is given.

    Args:
        requests: (position in the schedule, request), by due time.
        seed: of the prompts.
        parse_at_once: see slaibench.client.connection.
        most_failures: see slaibench.client.patience.
        concurrency: clients of a closed loop, which take the requests in their order; None: each is
            sent when it is due, at a time of its own or after the end of another one of this part.
    """

    target: Target
    prompts: Prompts
    requests: Sequence[tuple[int, Request]]
    seed: int
    parse_at_once: bool = False
    most_failures: int | None = None
    concurrency: int | None = None


class Succession:
    """Who in a part waits for whom; false where nobody does.

    Args:
        requests: as ``LoadPart`` has them. Their numbers are their places there.
    """

    def __init__(self, requests: Sequence[tuple[int, Request]]) -> None:
        self._followers = followers_of([request for _, request in requests])
        self._ids = [request.request_id for _, request in requests]
        self._id_at = {position: request.request_id for position, request in requests}

    def __bool__(self) -> bool:
        return bool(self._followers)

    def after(self, position: int) -> Sequence[tuple[int, float]]:
        """Numbers of those that wait for the request at a position in the schedule, and how long
        after its end they are due, seconds."""
        return self._followers.get(self._id_at[position], ())

    def with_all_after(self, number: int) -> Iterator[int]:
        """A number, and those of all that wait for it, or for one that does."""
        numbers = [number]
        while numbers:
            number = numbers.pop()
            yield number
            numbers += [after for after, _ in self._followers.get(self._ids[number], ())]
