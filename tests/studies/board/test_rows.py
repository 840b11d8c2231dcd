"""Published runs: which can be represented, which are one, and which half each is in."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from slaibench.studies.board.rows import Configuration, Half, Source, read_rows

LINE = {
    "silicon_data_source": "source_file=2026-04-06.csv; silicon_concurrency=8; measured=2025",
    "backend": "vllm",
    "backend_version": "0.18.0",
    "model_path": "openai/gpt-oss-120b",
    "system": "h200_sxm",
    "precision": "fp4",
    "mode": "agg",
    "isl": "1024",
    "osl": "1024",
    "batch_size": "4",
    "tp_size": "4",
    "pp_size": "1",
    "attention_dp_size": "1",
    "moe_tp_size": "4",
    "moe_ep_size": "1",
    "silicon_ttft_ms": "100.0",
    "silicon_tpot_ms": "10.0",
}


@pytest.fixture
def file(tmp_path: Path):
    def write(*changes: dict[str, str]) -> Path:
        path = tmp_path / "runs.csv"
        with path.open("w", newline="") as lines:
            writer = csv.DictWriter(lines, list(LINE))
            writer.writeheader()
            writer.writerows(LINE | change for change in changes)
        return path

    return write


def test_a_measurement_that_was_published_twice_counts_once(file):
    rounded = {"silicon_ttft_ms": "100.04", "silicon_tpot_ms": "10.01"}
    again = {"silicon_ttft_ms": "120.0", "silicon_tpot_ms": "12.0"}
    (row,) = read_rows(file({}, rounded, again)).rows
    assert (row.measurements, row.ttft_ms, row.tpot_ms) == (2, 110.0, 11.0)
    assert row.tpot_spread == pytest.approx(2 / 11)
    assert row.concurrency == 8


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"backend": "trtllm"}, "another engine"),
        ({"mode": "disagg"}, "disaggregated"),
        ({"system": "mi300x"}, "a GPU without measured operators"),
        ({"pp_size": "2"}, "pipeline"),
        ({"tp_size": "72", "moe_tp_size": "72"}, "more than the 8 GPUs"),
        ({"attention_dp_size": "4", "moe_tp_size": "1", "moe_ep_size": "16"}, "data parallel"),
        ({"tp_size": "1", "attention_dp_size": "", "moe_tp_size": "2"}, "data parallel"),
    ],
)
def test_what_cannot_be_represented_is_left_out_with_its_reason(file, change, reason):
    rows = read_rows(file({}, change))
    assert len(rows.rows) == 1
    ((words, count),) = rows.left_out.items()
    assert reason in words
    assert count == 1


def test_two_readings_of_one_run_are_one_configuration(file):
    product = {"tp_size": "16", "moe_tp_size": "4", "moe_ep_size": "4"}
    plain = {"tp_size": "4", "moe_tp_size": "1", "moe_ep_size": "4"}
    (row,) = read_rows(file(product, plain)).rows
    assert (row.configuration.tp, row.configuration.ep) == (4, 4)
    assert row.measurements == 1


def test_one_shape_under_two_names_cannot_be_in_both_halves(file):
    rows = read_rows(
        file({"model_path": "deepseek-ai/DeepSeek-R1"}, {"model_path": "deepseek-ai/DeepSeek-V3"})
    )
    assert len(rows.rows) == 1


def test_who_ran_it_is_read_from_its_source(file):
    theirs = "source_file=/home/x/aic-auto-gap-analysis/data/h100.csv; silicon_concurrency=8"
    rows = read_rows(file({}, {"silicon_data_source": theirs}))
    assert {row.source for row in rows.rows} == set(Source)


def test_the_split_is_never_moved():
    """Numbers were fitted to one half: a configuration that changes sides would be scored by what
    it was fitted to."""
    halves = {
        ("h200", "vllm", "0.18.0", "openai/gpt-oss-120b", "fp4", 1, 1): Half.HELD_OUT,
        ("h200", "vllm", "0.18.0", "openai/gpt-oss-120b", "fp4", 2, 1): Half.FITTED,
        ("h100", "vllm", "0.12.0", "Qwen/Qwen3-32B", "", 2, 1): Half.HELD_OUT,
        ("h100", "vllm", "0.12.0", "Qwen/Qwen3-32B", "", 4, 1): Half.FITTED,
        ("b200", "sglang", "0.5.9", "deepseek-ai/DeepSeek-V3", "fp8", 8, 1): Half.FITTED,
        ("h200", "sglang", "0.5.9", "deepseek-ai/DeepSeek-V3", "fp8", 8, 1): Half.HELD_OUT,
    }
    for values, half in halves.items():
        assert Configuration(*values, attention_dp=1).half is half
