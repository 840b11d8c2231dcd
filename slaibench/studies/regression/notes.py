"""What a reader of a regression run must know besides its verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from slaibench.measure.regression import ChangeVerdict
from slaibench.studies.regression.baseline import Baseline
from slaibench.studies.regression.judge import Sides, rows_of, sides_of
from slaibench.studies.regression.replicate import Replicate

FREE = ("schedulers", "rates", "num_seeds", "first_seed")
"""Fields in which a run may differ from its baseline without a word: only what both have counts."""


def differences(old: Baseline, new: Baseline) -> Iterator[str]:
    """What else is not as it was: the specification, versions, the points that were run."""
    was, now = (side.spec.model_dump(mode="json") for side in (old, new))
    for name in was:
        if name not in FREE and was[name] != now[name]:
            yield f"{name} was {was[name]}, is {now[name]}"
    for name in sorted({*old.versions, *new.versions}):
        before, after = old.versions.get(name, "absent"), new.versions.get(name, "absent")
        if before != after:
            yield f"version of {name} was {before}, is {after}"
    for scheduler, rate in sorted(old.points ^ new.points):
        side = "this run" if (scheduler, rate) in new.points else "the baseline"
        yield f"{scheduler} at {rate:g} requests/s is in {side} only, and not judged"


def code_notes(old: Baseline, new: Baseline, sides: Sequence[Sides]) -> Iterator[str]:
    """Which code changed, and whether anything that it decides did."""
    if old.code not in (None, new.code):
        what = "the code that serves, or makes the load, changed"
        yield what + (", and nothing that is recorded did" if _identical(sides) else "")
    for name, source in new.sources.items():
        if name not in old.sources or old.sources[name] == source:
            continue
        same = _identical([side for side in sides if side.scheduler == name])
        yield f"the code of {name} changed" + (", and none of its decisions did" if same else "")


def seeds_notes(sides: Sequence[Sides]) -> list[str]:
    """Whether both sides had the same requests."""
    if all(side.paired for side in sides):
        return []
    return [
        "the requests are not those of the other side (other seeds, or another release of NumPy "
        "drew others): compared as independent runs, which takes more of them"
    ]


def noise_note(before: Sequence[Replicate], margin: float) -> str:
    """A compared with itself: first runs with a seed against their repetitions."""
    firsts: dict[Any, Replicate] = {}
    repeats = []
    for replicate in before:
        if firsts.setdefault(replicate.key, replicate) is not replicate:
            repeats.append(replicate)
    rows = rows_of(sides_of(list(firsts.values()), repeats), margin)
    alarms = sum(row.verdict in (ChangeVerdict.WORSE, ChangeVerdict.BETTER) for row in rows)
    note = f"the other side against itself (A/A): {alarms} of {len(rows)} verdicts say it changed"
    return note + ("; this machine is not steady, believe no verdict" if alarms else "")


def _identical(sides: Sequence[Sides]) -> bool:
    return bool(sides) and all(side.identical for side in sides)
