"""Tables that no run can have left are reported, by the invariant that they break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slaibench.recording import store
from slaibench.recording.invariants import violation
from slaibench.recording.record import RequestTable, StepTable
from tests.recording.test_store import make_recording
from tests.studies.studies import recordings, study, sweep

GOOD = make_recording()


def with_rows(table: RequestTable, rows: Any) -> RequestTable:
    """Chosen rows, with their token times."""
    offsets, times = table.token_offsets, table.token_times_s
    parts = [times[offsets[row] : offsets[row + 1]] for row in rows]
    plain = {
        field.name: getattr(table, field.name)[rows]
        for field in fields(table)
        if not field.name.startswith("token_")
    }
    lengths = np.cumsum([0, *map(len, parts)])
    return RequestTable(**plain, token_offsets=lengths, token_times_s=np.concatenate(parts))


def changed(table: Any, name: str, place: int, value: Any) -> Any:
    column = getattr(table, name).copy()
    column = column.astype("<U20") if column.dtype.kind == "U" else column
    column[place] = value
    return replace(table, **{name: column})


def test_a_good_run_breaks_nothing() -> None:
    assert violation(GOOD.requests, GOOD.steps, None) is None
    assert violation(GOOD.requests, GOOD.steps, 3) is None


@pytest.mark.parametrize("scheduler", ["sarathi", "slai", "rad", "prefill-first"])
def test_runs_of_the_simulator_keep_them_also_where_they_are_cut(
    tmp_path: Path, scheduler: str
) -> None:
    loads = study(schedulers=(scheduler,), rates=(4.0, 60.0), kv_blocks=400, duration_s=4.0)
    sweep(loads, tmp_path, jobs=1)
    for recording in recordings(tmp_path).values():
        assert violation(recording.requests, recording.steps, None) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: changed(t, "outcome", 0, "maybe"), "no request ends as 'maybe'"),
        (lambda t: with_rows(t, [0, 1, 1]), "request 1 is there 2 times"),
        (lambda t: changed(t, "due_s", 0, np.nan), "no due time"),
        (lambda t: with_rows(t, [1, 0, 2]), "not in the order of their due times"),
        (lambda t: changed(t, "sent_s", 1, 0.1), "request 1 was due after it was sent"),
        (lambda t: changed(t, "sent_s", 2, 1.1), "request 2 was sent after it was first"),
        (lambda t: changed(t, "sent_s", 2, np.nan), None),
        (
            lambda t: changed(t, "first_scheduled_s", 1, 5.0),
            "request 1 was first scheduled after it was given its first token",
        ),
        (
            lambda t: changed(t, "token_times_s", 2, 1.01),
            "request 1 has a token before an earlier one",
        ),
        (lambda t: changed(t, "token_times_s", 2, np.nan), "a token has no time"),
        (lambda t: changed(t, "token_offsets", 1, 9), "do not belong to one request each"),
        (lambda t: replace(t, token_times_s=t.token_times_s[:-1]), "do not belong"),
        (lambda t: replace(t, tier=t.tier[:-1]), "tier has 2 rows"),
    ],
)
def test_what_requests_cannot_be_is_reported(
    change: Callable[[RequestTable], RequestTable], words: str | None
) -> None:
    wrong = violation(change(GOOD.requests), GOOD.steps, None)
    assert wrong is None if words is None else words in str(wrong)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: changed(t, "start_s", 2, 0.5), "step 2 starts before the one before it"),
        (lambda t: changed(t, "end_s", 1, 0.5), "step 1 ends before it starts"),
        (lambda t: changed(t, "end_s", 1, np.nan), "a step has no time"),
        (lambda t: replace(t, decodes=t.decodes[:-1]), "steps: decodes has 3 rows"),
    ],
)
def test_what_steps_cannot_be_is_reported(
    change: Callable[[StepTable], StepTable], words: str
) -> None:
    assert words in str(violation(GOOD.requests, change(GOOD.steps), None))


def test_more_requests_than_were_generated_are_reported() -> None:
    assert "3 requests were due, 2 were generated" in str(violation(GOOD.requests, GOOD.steps, 2))


def test_a_broken_invariant_is_found_on_reading(tmp_path: Path) -> None:
    steps = changed(GOOD.steps, "start_s", 3, 0.0)
    store.write(replace(GOOD, steps=steps), tmp_path / "cell")
    with pytest.raises(store.DamagedRecordingError, match="invariant 3: step 3 starts before"):
        store.read(tmp_path / "cell")
