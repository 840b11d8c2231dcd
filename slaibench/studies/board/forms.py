"""Rows and their predictions as plain values, and back: what a page is made of again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TypedDict, cast

from slaibench.catalog.board import BoardDocument
from slaibench.studies.board.causes import Cause
from slaibench.studies.board.own import OwnRun
from slaibench.studies.board.replay import Latency
from slaibench.studies.board.rows import Configuration, Row, Source
from slaibench.studies.board.study import Board, Score
from slaibench.studies.board.summary import document


class LatencyForm(TypedDict):
    """Means, milliseconds."""

    ttft_ms: float
    tpot_ms: float


class ConfigurationForm(TypedDict):
    """What was served, on what, by what: ``rows.Configuration``."""

    gpu: str
    engine: str
    version: str
    model: str
    precision: str
    tp: int
    ep: int
    attention_dp: int


class ScoreForm(TypedDict):
    """A row as it was measured, and what was predicted of it."""

    configuration: ConfigurationForm
    half: str
    source: str
    prompt_tokens: int
    output_tokens: int
    concurrency: int
    measured: LatencyForm
    measurements: int
    ttft_spread: float
    tpot_spread: float
    causes: Sequence[str]
    ours: LatencyForm
    library: LatencyForm | None
    roofline: LatencyForm | None


class BoardForm(BoardDocument):
    """The board with its rows."""

    scores: Sequence[ScoreForm]


def board_form(board: Board, source: str) -> BoardForm:
    """All of it as plain values.

    Args:
        source: what the rows are from.
    """
    return {**document(board, source), "scores": [_score_form(score) for score in board.scores]}


def board_of(form: BoardForm, measured: Mapping[Row, Row] | None = None) -> Board:
    """The board of plain values.

    Args:
        measured: rows as their source has them, by themselves without their times
            (``without_times``), to stand for those of the form; None: the source is not here.

    Raises:
        KeyError: a row of the form is none of the source's.
        ValueError, TypeError: it is not what this version writes.
    """
    scores = []
    for values in form["scores"]:
        row = _row_of(values)
        if measured is not None:
            row = measured[without_times(row)]
        scores.append(
            Score(
                row,
                frozenset(map(Cause, values["causes"])),
                Latency(**values["ours"]),
                _latency_of(values["library"]),
                _latency_of(values["roofline"]),
            )
        )
    own = tuple(map(OwnRun.of_json, form.get("own", ())))
    return Board(tuple(scores), dict(form["left_out"]), form["lines"], (), own)


def without_times(row: Row) -> Row:
    """Which load it is, and no more."""
    return Row(
        row.configuration,
        row.source,
        row.prompt_tokens,
        row.output_tokens,
        row.concurrency,
        *(0.0, 0.0, 0, 0.0, 0.0),
    )


def _score_form(score: Score) -> ScoreForm:
    row = score.row
    return {
        "configuration": cast("ConfigurationForm", asdict(row.configuration)),
        "half": row.configuration.half.value,
        "source": row.source.value,
        "prompt_tokens": row.prompt_tokens,
        "output_tokens": row.output_tokens,
        "concurrency": row.concurrency,
        "measured": {"ttft_ms": row.ttft_ms, "tpot_ms": row.tpot_ms},
        "measurements": row.measurements,
        "ttft_spread": row.ttft_spread,
        "tpot_spread": row.tpot_spread,
        "causes": sorted(cause.value for cause in score.causes),
        "ours": _latency_form(score.ours),
        "library": None if score.library is None else _latency_form(score.library),
        "roofline": None if score.roofline is None else _latency_form(score.roofline),
    }


def _row_of(values: ScoreForm) -> Row:
    return Row(
        Configuration(**values["configuration"]),
        Source(values["source"]),
        values["prompt_tokens"],
        values["output_tokens"],
        values["concurrency"],
        values["measured"]["ttft_ms"],
        values["measured"]["tpot_ms"],
        values["measurements"],
        values["ttft_spread"],
        values["tpot_spread"],
    )


def _latency_form(latency: Latency) -> LatencyForm:
    return {"ttft_ms": latency.ttft_ms, "tpot_ms": latency.tpot_ms}


def _latency_of(form: LatencyForm | None) -> Latency | None:
    return None if form is None else Latency(**form)
