"""Errors of many rows in a few numbers: medians and tails, by what was served and by cause."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from slaibench.catalog.board import (
    ALL,
    SCHEMA_VERSION,
    BoardDocument,
    CauseForm,
    ErrorsForm,
    OwnRunForm,
    SizesForm,
    SummaryForm,
    plain_name,
)
from slaibench.measure.grade import Grade, graded, overall
from slaibench.studies.board.causes import Cause
from slaibench.studies.board.replay import Latency
from slaibench.studies.board.rows import Half, Row
from slaibench.studies.board.study import Board, Score

LATENCIES = ("tpot", "ttft", "e2e")
FEWEST = 10
"""Rows from which on a P90 is given: of fewer it is their largest, or nearly."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Absolute relative errors of one latency.

    Args:
        bias: median of the signed errors.
        p90: None: of too few rows (``FEWEST``).
    """

    median: float
    p90: float | None
    bias: float

    def to_json(self) -> SizesForm:
        return {"median": self.median, "p90": self.p90, "bias": self.bias}


@dataclass(frozen=True, slots=True)
class WayErrors:
    """Errors of one way to predict, over the rows that it has a prediction of."""

    n: int
    by_latency: Mapping[str, Sizes]

    def to_json(self) -> ErrorsForm:
        tpot, ttft, e2e = (self.by_latency[name].to_json() for name in LATENCIES)
        return {"n": self.n, "tpot": tpot, "ttft": ttft, "e2e": e2e}


ANY, UNPUBLISHED = "*", "not published"
"""A part of a combination that is left open, and a release that its source does not say."""


@dataclass(frozen=True, slots=True)
class Combination:
    """What a user asks about."""

    gpu: str
    engine: str = ANY
    model: str = ANY
    release: str = ANY


@dataclass(frozen=True, slots=True)
class Summary:
    """Errors of a combination's rows of one half.

    Args:
        library, roofline: on the same rows, as far as they have a prediction; None: of none.
        beside_library: ours on those that the library has.
    """

    combination: Combination
    half: Half
    n: int
    ours: WayErrors
    library: WayErrors | None
    roofline: WayErrors | None
    beside_library: WayErrors | None

    @property
    def grades(self) -> dict[str, Grade]:
        """By latency, by the thresholds of validations; ``all``: the worst of them."""
        grades = {}
        for name, sizes in self.ours.by_latency.items():
            changes = {"median": sizes.median}
            if sizes.p90 is not None:
                changes["p90"] = sizes.p90
            grades[name] = graded(name.upper(), changes)
        return {**grades, "all": overall(grades)}

    def to_json(self) -> SummaryForm:
        combination = self.combination
        return {
            "gpu": combination.gpu,
            "engine": combination.engine,
            "model": combination.model,
            "release": combination.release,
            "half": self.half.value,
            "n": self.n,
            "ours": self.ours.to_json(),
            "library": None if self.library is None else self.library.to_json(),
            "roofline": None if self.roofline is None else self.roofline.to_json(),
            "beside_library": None
            if self.beside_library is None
            else self.beside_library.to_json(),
            "grades": {name: grade.grade for name, grade in self.grades.items()},
            "reason": self.grades["all"].reason,
        }


@dataclass(frozen=True, slots=True)
class CauseErrors:
    """Rows of the held-out half with a cause, and without.

    Args:
        tpot, ttft: median absolute errors with it; ``_without``: of all other rows; None: there is
            none.
    """

    cause: Cause
    n: int
    tpot: float
    ttft: float
    tpot_without: float | None
    ttft_without: float | None

    def to_json(self) -> CauseForm:
        return {
            "cause": self.cause.value,
            "n": self.n,
            "tpot": self.tpot,
            "ttft": self.ttft,
            "tpot_without": self.tpot_without,
            "ttft_without": self.ttft_without,
        }


def combination_of(row: Row) -> Combination:
    """A row's, with nothing left open."""
    configuration = row.configuration
    return Combination(
        configuration.gpu,
        configuration.engine,
        plain_name(configuration.model),
        configuration.version or UNPUBLISHED,
    )


def summaries(
    scores: Sequence[Score], by: Callable[[Combination], Combination] = lambda whole: whole
) -> tuple[Summary, ...]:
    """Of each combination and half that there are rows of.

    Args:
        by: what of a combination to keep.
    """
    groups: dict[tuple[str, str, str, str, Half], list[Score]] = {}
    for score in scores:
        kept = by(combination_of(score.row))
        key = (kept.gpu, kept.engine, kept.model, kept.release, score.row.configuration.half)
        groups.setdefault(key, []).append(score)
    return tuple(_summary(Combination(*key[:4]), key[4], groups[key]) for key in sorted(groups))


def by_cause(scores: Sequence[Score]) -> tuple[CauseErrors, ...]:
    """Of the held-out half, the causes that hold of some of its rows."""
    held = [score for score in scores if score.row.configuration.half is Half.HELD_OUT]
    results = []
    for cause in Cause:
        having = [score for score in held if cause in score.causes]
        others = [score for score in held if cause not in score.causes]
        if not having:
            continue
        (tpot, ttft), without = _medians(having), _medians(others) if others else (None, None)
        results.append(CauseErrors(cause, len(having), tpot, ttft, *without))
    return tuple(results)


def _medians(scores: Sequence[Score]) -> tuple[float, float]:
    errors = _errors([(score.row, score.ours) for score in scores])
    return errors.by_latency["tpot"].median, errors.by_latency["ttft"].median


def _summary(combination: Combination, half: Half, scores: Sequence[Score]) -> Summary:
    def errors(way: Callable[[Score], Latency | None]) -> WayErrors | None:
        pairs = [(score.row, latency) for score in scores if (latency := way(score)) is not None]
        return _errors(pairs) if pairs else None

    return Summary(
        combination,
        half,
        len(scores),
        _errors([(score.row, score.ours) for score in scores]),
        errors(lambda score: score.library),
        errors(lambda score: score.roofline),
        errors(lambda score: None if score.library is None else score.ours),
    )


def _errors(pairs: Sequence[tuple[Row, Latency]]) -> WayErrors:
    changes = {
        "tpot": [latency.tpot_ms / row.tpot_ms - 1 for row, latency in pairs],
        "ttft": [latency.ttft_ms / row.ttft_ms - 1 for row, latency in pairs],
        "e2e": [latency.e2e_ms(row.output_tokens) / row.e2e_ms - 1 for row, latency in pairs],
    }
    return WayErrors(len(pairs), {name: _sizes(changes[name]) for name in LATENCIES})


def _sizes(changes: Sequence[float]) -> Sizes:
    signed = np.array(changes)
    sizes = np.abs(signed)
    p90 = float(np.percentile(sizes, 90)) if len(sizes) >= FEWEST else None
    return Sizes(
        round(float(np.median(sizes)), 4),
        None if p90 is None else round(p90, 4),
        round(float(np.median(signed)), 4),
    )


AIMED = ("h100", "h200", "b200")
"""GPUs that the aims of the board are of: those that most of its rows are from."""


def document(board: Board, source: str) -> BoardDocument:
    """All that the board says in numbers: what ships, and what tables are made of.

    Args:
        source: what the rows are from.
    """
    levels: tuple[Callable[[Combination], Combination], ...] = (
        lambda whole: whole,
        lambda whole: replace(whole, release=ANY),
        lambda whole: replace(whole, release=ANY, model=ANY),
        lambda whole: Combination(whole.gpu),
    )
    aimed = [score for score in board.scores if score.row.configuration.gpu in AIMED]
    totals: dict[str, Sequence[Score]] = {ALL: board.scores}
    if 0 < len(aimed) < len(board.scores):
        totals = {", ".join(AIMED): aimed, **totals}
    own: Sequence[OwnRunForm] = [run.to_json() for run in board.own]
    values: BoardDocument = {
        "schema_version": SCHEMA_VERSION,
        "source": source,
        "lines": board.lines,
        "rows": len(board.scores),
        "left_out": dict(board.left_out),
        "totals": [
            SummaryForm({**summary.to_json(), "gpu": name})
            for name, scores in totals.items()
            for summary in summaries(scores, lambda _: Combination(ANY))
        ],
        "summaries": [
            summary.to_json() for level in levels for summary in summaries(board.scores, level)
        ],
        "causes": [errors.to_json() for errors in by_cause(board.scores)],
    }
    return {**values, "own": own} if own else values
