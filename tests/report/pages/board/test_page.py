"""The board's page: its errors follow from its rows, and a row that was touched is noticed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from slaibench.report.pages.board import PAGE, BoardSubject
from slaibench.report.verify import PageVerdict, verify
from slaibench.studies.board.causes import Cause
from slaibench.studies.board.forms import board_form, board_of, without_times
from slaibench.studies.board.own import Means, OwnRun
from slaibench.studies.board.replay import Latency
from slaibench.studies.board.rows import Row, Source
from slaibench.studies.board.study import Board, Score
from tests.studies.board.conftest import FITTED, HELD_OUT, row

SOURCE = "published runs of a test"


def score(of: Row, change: float) -> Score:
    ours = Latency(of.ttft_ms * (1 + change), of.tpot_ms * (1 - change))
    library = Latency(of.ttft_ms * 1.5, of.tpot_ms * 1.2)
    return Score(of, frozenset({Cause.UNSCRIPTED}), ours, library, None)


@pytest.fixture
def board() -> Board:
    rows = [
        replace(row(half), concurrency=count, source=Source.GAP_ANALYSIS, tpot_ms=8.0 + count)
        for half in (FITTED, HELD_OUT)
        for count in (1, 4, 16)
    ]
    scores = tuple(score(of, 0.02 * place) for place, of in enumerate(rows, start=1))
    return Board(scores, {"another engine (trtllm)": 3}, 9, ())


OWN = OwnRun(
    name="mine/requests.jsonl",
    gpu="rtx4090",
    model="llama-3.1-8b",
    status="measured",
    engine="vLLM 0.19.0",
    asynchronous=True,
    scheduler="sarathi:token_budget=2048",
    load="300 requests in 183 s",
    num_requests=298,
    measured=Means(400.0, 40.0, 9000.0),
    ours=Means(412.0, 38.0, 8600.0),
    grades=(("ttft", "B"), ("tpot", "C"), ("e2e", "B"), ("all", "C")),
    reason="TPOT mean off by 5 %",
)


@pytest.fixture
def page(board: Board, tmp_path: Path) -> Path:
    return PAGE.write(BoardSubject(board, SOURCE), tmp_path).html


def test_a_page_is_true_of_its_own_rows(page: Path):
    verified = verify(page)
    assert verified.verdict is PageVerdict.SAME
    assert verified.checked > 50
    text = page.read_text("utf-8")
    assert "3 held-out runs" in text
    assert "another engine (trtllm)" in text


def test_a_touched_error_is_noticed(page: Path):
    text = page.read_text("utf-8")
    embedded = re.search(r'id="slaibench-numbers">\n(.*?)\n</script>', text, re.DOTALL)
    assert embedded is not None
    doc = json.loads(embedded[1])
    doc["summaries"][0]["ours"]["tpot"]["median"] = 0.001
    page.write_text(text.replace(embedded[1], json.dumps(doc)), "utf-8")
    verified = verify(page)
    assert verified.verdict is PageVerdict.OTHER_NUMBERS
    assert any("summaries" in wrong.where for wrong in verified.mismatches)


def test_runs_of_ones_own_are_on_the_page_and_in_its_numbers(board: Board, tmp_path: Path):
    mine = replace(board, own=(OWN,))
    html = PAGE.write(BoardSubject(mine, SOURCE), tmp_path).html
    assert verify(html).verdict is PageVerdict.SAME
    text = html.read_text("utf-8")
    assert "Runs of our own" in text
    assert "vLLM 0.19.0, asynchronous, measured profile" in text
    form = json.loads(json.dumps(board_form(mine, SOURCE)))
    assert board_of(form).own == (OWN,)


def test_a_board_without_them_is_written_as_before_there_were_any(board: Board):
    assert "own" not in board_form(board, SOURCE)


def test_a_board_is_what_its_plain_values_were_made_of(board: Board):
    form = json.loads(json.dumps(board_form(board, SOURCE)))
    assert board_of(form).scores == board.scores


def test_measured_times_are_their_sources_where_it_is_here(board: Board):
    form = board_form(board, SOURCE)
    right = {without_times(one.row): one.row for one in board.scores}
    form["scores"][0]["measured"]["tpot_ms"] = 1.0
    assert board_of(form).scores != board.scores
    assert board_of(form, right).scores == board.scores


def test_the_same_rows_give_the_same_bytes(board: Board, page: Path, tmp_path: Path):
    again = PAGE.write(BoardSubject(board, SOURCE), tmp_path / "again").html
    assert again.read_bytes() == page.read_bytes()
