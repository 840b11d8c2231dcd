"""What an engine wrote of its steps (``slaibench.schedulers.engines.step_log``), read back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from slaibench.recording.record import FloatArray, IntArray, RequestTable, StepTable

NUM_FIELDS = 9
"""Of a step: the columns of ``StepTable``."""
NUM_TIMES = 2
"""Of these, how many are times; the rest are counts."""
END = "end"
"""Ends the id, after a run's prefix, of the request that marks the run's end in the log."""


class StepFileError(ValueError):
    """A line that no engine writes; the message has the file and the line."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the engine had.

    Args:
        total_blocks: KV blocks that requests may hold.
        block_size: tokens of a block.
        graph_tokens: of the largest batch that a CUDA graph was captured for; 0: of none, or it
            does not say.
    """

    total_blocks: int
    block_size: int
    version: str
    graph_tokens: int = 0


@dataclass(slots=True)
class Steps:
    """A part of a step file. Times are seconds of the machine's monotonic clock.

    Args:
        rows: fields of each step, in the order of ``StepTable``'s columns.
        first_scheduled_s: by the engine's own request id.
        num_preemptions: likewise; those of none are absent.
        schedulers: each that took over, as its user wrote it.
        first_switch_end: where the line of the first of these ends; None: there is none.
        end: where to read on: after the last whole line.
    """

    header: Header | None = None
    rows: list[tuple[float, ...]] = field(default_factory=list)
    first_scheduled_s: dict[str, float] = field(default_factory=dict)
    num_preemptions: dict[str, int] = field(default_factory=dict)
    schedulers: list[str] = field(default_factory=list)
    first_switch_end: int | None = None
    end: int = 0


def read_steps(path: Path, begin: int = 0) -> Steps:
    """What a step file holds from a byte on; a last line without its end is not there yet.

    Raises:
        OSError: unreadable.
        StepFileError: a whole line is not one of an engine's.
    """
    with path.open("rb") as file:
        file.seek(begin)
        data = file.read()
    *lines, _ = data.split(b"\n")
    steps = Steps(end=begin)
    for encoded in lines:
        line = encoded.decode("utf-8", errors="replace")
        try:
            _read_line(line, steps)
        except (ValueError, IndexError) as error:
            raise StepFileError(f"{path} holds {line!r}, which is no line of a step log") from error
        steps.end += len(encoded) + 1
        if steps.schedulers and steps.first_switch_end is None:
            steps.first_switch_end = steps.end
    return steps


def _read_line(line: str, steps: Steps) -> None:
    kind, _, rest = line.partition(",")
    if kind == "s":
        values = tuple(float(value) for value in rest.split(","))
        if len(values) != NUM_FIELDS:
            raise ValueError(line)
        steps.rows.append(values)
    elif kind == "f":
        request_id, time_s = rest.rsplit(",", 1)
        steps.first_scheduled_s.setdefault(request_id, float(time_s))
    elif kind == "p" and rest:
        steps.num_preemptions[rest] = steps.num_preemptions.get(rest, 0) + 1
    elif kind == "w" and rest:
        steps.schedulers.append(rest)
    elif kind == "h":
        blocks, size, graph_tokens, version = rest.split(",", 3)
        steps.header = Header(int(blocks), int(size), version, int(graph_tokens))
    else:
        raise ValueError(line)


def foreign(steps: Steps, id_prefix: str) -> str | None:
    """Why a part of a step file is not of one run alone, or None.

    Args:
        steps: from the run's beginning on, after its own switch of the scheduler.
        id_prefix: begins the ids of the run's requests, and of the one that marks its end.
    """
    if steps.schedulers:
        return (
            "while it ran, somebody else switched the engine's scheduler: "
            f"{len(steps.schedulers)} x, first to {steps.schedulers[0]}"
        )
    own = _of_run(id_prefix, rf"(?:\d+|{END})")
    others = [
        request_id
        for request_id in (*steps.first_scheduled_s, *steps.num_preemptions)
        if not own.search(request_id)
    ]
    if not others:
        return None
    return (
        "while it ran, the engine served somebody else as well: "
        f"{len(set(others))} x, first request {others[0]!r}"
    )


def _of_run(id_prefix: str, number: str) -> re.Pattern[str]:
    """Finds a request's number in its id as the engine has it.

    Some engines make their own of the id that a client sends: ``cmpl-run1-17-0-5f3a9c21`` for
    ``run1-17``.
    """
    return re.compile(rf"(?:^|-){re.escape(id_prefix)}({number})(?:-|$)")


def step_table(rows: Iterable[tuple[float, ...]], t0_s: float, end_s: float) -> StepTable:
    """The steps of a run, in seconds after its start.

    Args:
        t0_s: the run's start on the machine's monotonic clock.
        end_s: the run's end, after its start; the tokens of a step that it cuts were never seen,
            so that step is left out, as are those before the start.
    """
    values = np.array(list(rows), dtype=np.float64).reshape(-1, NUM_FIELDS)
    # As the log has them: whole microseconds.
    times = np.rint((values[:, :NUM_TIMES] - t0_s) * 1e6) / 1e6
    kept = (times[:, 0] >= 0) & (times[:, 1] <= end_s)
    counts: IntArray = values[kept, NUM_TIMES:].astype(np.int64)
    return StepTable(
        times[kept, 0], times[kept, 1], *(counts[:, column] for column in range(counts.shape[1]))
    )


def with_engine_side(
    table: RequestTable, steps: Steps, t0_s: float, end_s: float, id_prefix: str
) -> RequestTable:
    """A client's table with what only the engine knows: first batches and preemptions.

    Args:
        end_s: a first batch after it did not happen.
        id_prefix: begins the ids that the client sent in this run; the number of the request
            follows.
    """
    of_this_run = _of_run(id_prefix, r"\d+")
    position = {number: at for at, number in enumerate(table.request_id.tolist())}

    def place(request_id: str) -> int | None:
        match = of_this_run.search(request_id)
        return position.get(int(match[1])) if match else None

    first: FloatArray = np.full(len(table), np.nan)
    preemptions: IntArray = np.zeros(len(table), dtype=np.int64)
    for request_id, time_s in steps.first_scheduled_s.items():
        at, after_s = place(request_id), round(time_s - t0_s, 6)
        if at is not None and after_s <= end_s:
            first[at] = after_s
    for request_id, count in steps.num_preemptions.items():
        at = place(request_id)
        if at is not None:
            preemptions[at] = count
    return replace(table, first_scheduled_s=first, num_preemptions=preemptions)
