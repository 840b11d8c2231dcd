"""Searches, which ask for cells and go on by what these say; several of them side by side."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

from slaibench.spec import CellSpec
from slaibench.studies.executors import CellResult, Executor
from slaibench.studies.lifecycle import Listener, OnCell

T = TypeVar("T")

Search = Generator[Sequence[CellSpec], tuple[CellResult, ...], T]
"""Yields cells and is sent their results, in the order asked for, until it returns what it was
after. It must depend on nothing else that goes on."""

_Key = tuple[str, float, int, bool]


def side_by_side(
    executor: Executor, searches: Sequence[Search[T]], on_cell: OnCell
) -> tuple[T, ...]:
    """Run searches until all have returned, each as if it were alone.

    One search asks for a cell or for a replicate a seed, and waits; alone it leaves most cores with
    nothing to do. No two of them may ask for the same cell.

    Returns:
        What each returned, in their order.

    Raises:
        RecordingError, BackendError, SchedulerError: of the first cell that fails.
    """
    returned: dict[int, T] = {}
    wanted: dict[int, Sequence[CellSpec]] = {}
    results: dict[_Key, CellResult] = {}
    running: dict[_Key, tuple[int, CellSpec]] = {}
    new: list[CellSpec] = []

    def go_on(place: int, answer: tuple[CellResult, ...] | None) -> None:
        """Let a search begin or go on. Who asks for no cells has the answer at once."""
        search = searches[place]
        try:
            cells = next(search) if answer is None else search.send(answer)
            while not cells:
                cells = search.send(())
        except StopIteration as end:
            returned[place] = end.value
            return
        wanted[place] = cells
        by_key = {_key(cell): cell for cell in cells}
        running.update({key: (place, cell) for key, cell in by_key.items()})
        new.extend(by_key.values())

    def take() -> list[CellSpec]:
        """Cells that nobody has begun."""
        cells, new[:] = list(new), []
        if cells and isinstance(on_cell, Listener):
            on_cell.begin([cell for _, cell in running.values()])
        return cells

    for place in range(len(searches)):
        go_on(place, None)
    for done, result in enumerate(executor.run(take(), take), start=1):
        key = _key(result.cell)
        place, _ = running.pop(key)
        results[key] = result
        on_cell(result, done, done + len(running))
        keys = [_key(cell) for cell in wanted[place]]
        if all(key in results for key in keys):
            go_on(place, tuple(results.pop(key) for key in keys))
    return tuple(returned[place] for place in range(len(searches)))


def _key(cell: CellSpec) -> _Key:
    return (*cell.key, cell.overload is not None)
