"""Figure 6: the batches that are laid out occur, and cost what the cost model says."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.catalog import get_profile
from slaibench.costmodel import CostModel
from slaibench.recording.store import RecordingError
from slaibench.reproductions.bari2025.batches import (
    NUM_ALONE,
    NUM_DECODES,
    NUM_REQUESTS,
    Batches,
    batch_lengths,
    batch_rows,
    block_study,
    write_lengths,
)
from slaibench.reproductions.bari2025.published import bari2025
from slaibench.reproductions.bari2025.run import run
from slaibench.reproductions.bari2025.spec import PaperSpec
from tests.studies.studies import sweep

COST = CostModel(get_profile("rtx6000-ada", "mistral-7b"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Batches:
    return run(PaperSpec(figures=("6",)), tmp_path_factory.mktemp("batches"), jobs=1).batches


def test_each_budget_and_size_is_there_once(measured: Batches) -> None:
    """Single batches know no load, so no run measures what overload serves."""
    budgets = bari2025().token_budgets.budgets
    assert [row.token_budget for row in measured.budgets] == sorted(budgets)
    assert {row.n for row in measured.budgets} == {NUM_ALONE}
    assert [row.num_requests for row in measured.blocks] == list(NUM_REQUESTS)
    assert [row.num_decodes for row in measured.batches] == list(NUM_DECODES)


def test_a_prompt_alone_takes_its_chunks(measured: Batches) -> None:
    for row in measured.budgets:
        chunks = [
            (min(row.token_budget, 2048 - done), done) for done in range(0, 2048, row.token_budget)
        ]
        steps = [COST.batch_time_s(0, 0, [chunk]) + COST.between_s(1) for chunk in chunks]
        assert row.ttft_p50_s == pytest.approx(sum(steps), abs=1e-5)
        decode = COST.batch_time_s(1, 2049, []) + COST.between_s(1)
        assert row.batch_s == pytest.approx((sum(steps) + decode) / (len(chunks) + 1), rel=1e-3)


def test_each_request_of_2048_tokens_holds_129_blocks(measured: Batches) -> None:
    """128 for the prompt, one more for the token that is being decoded."""
    assert [row.num_requests for row in measured.blocks] == list(NUM_REQUESTS)
    assert [row.kv_blocks for row in measured.blocks] == [129 * n for n in NUM_REQUESTS]
    assert measured.blocks[-1].share == 129 * 108 / 14733


def test_a_512_token_batch_costs_what_its_decodes_and_its_chunk_do(measured: Batches) -> None:
    for row, num_decodes in zip(measured.batches, NUM_DECODES, strict=True):
        gpu = COST.batch_time_s(num_decodes, 513 * num_decodes, [(512 - num_decodes, 0)])
        assert row.num_decodes == num_decodes
        assert row.batch_s == pytest.approx(gpu + COST.between_s(1), abs=2e-6)


def test_the_requests_of_a_group_come_together() -> None:
    rows = batch_lengths().splitlines()
    assert rows[0] == "arrival_s,prompt_tokens,output_tokens"
    assert rows[1:10] == ["0.0,512,2"] * 8 + ["0.0,504,1"]
    assert len(rows) == 1 + sum(num + 1 for num in NUM_DECODES)


def test_batches_that_did_not_come_about_are_left_out(tmp_path: Path) -> None:
    cells = sweep(block_study(PaperSpec()), tmp_path, jobs=1).cells
    assert batch_rows(cells) == ()


def test_a_folder_that_takes_no_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="choose another --results folder"):
        write_lengths(tmp_path / "file")
