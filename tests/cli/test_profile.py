"""``slaibench profile`` shows how long batches take and how that is known, and writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slaibench.catalog.profiles import get_profile, load_profile
from tests.cli.command import refused, slaibench

ROOFLINE = ("--model", "qwen3-8b", "--gpu", "l4", "--engine", "roofline")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path / "cache"))


def test_one_that_ships_is_shown_with_its_sources_and_errors() -> None:
    ran = slaibench("profile", "--gpu", "rtx4090", "--model", "llama-3.1-8b", columns=80)
    assert ran.status == 0
    assert "Batch times of rtx4090/llama-3.1-8b, ms" in ran.out
    assert "(measured; from vLLM 0.19.0" in ran.out.replace("\n", " ")
    assert "KV cache: 41,408 tokens in 2,588 blocks of 16" in ran.out
    table = ran.out.partition("profile rtx4090")[0]
    assert max(map(len, table.splitlines())) <= 80


def test_what_is_written_is_the_same_profile(tmp_path: Path) -> None:
    file = tmp_path / "new" / "l4.json"
    ran = slaibench("profile", *ROOFLINE, "--tp", "2", "--out", file)
    assert f"written to {file}" in ran.out.replace("\n", "")
    assert "is a roofline of shape and datasheet" in ran.out.replace("\n", " ")
    made = load_profile(file)
    assert (made.gpu, made.model, made.tp) == ("l4", "qwen3-8b", 2)
    again = json.loads(slaibench("profile", "--profile", file, "--json").out)
    assert again["fingerprint"] == made.fingerprint
    shipped = tmp_path / "shipped.json"
    slaibench("profile", "--gpu", "rtx4090", "--model", "llama-3.1-8b", "--out", shipped)
    assert load_profile(shipped) == get_profile("rtx4090", "llama-3.1-8b")


def test_a_study_on_the_file_is_a_study_on_what_it_was_made_of(tmp_path: Path) -> None:
    file = tmp_path / "l4.json"
    slaibench("profile", *ROOFLINE, "--out", file)
    small = ("--rates", "0.2", "--requests", "40", "--seeds", "1", "--jobs", "1", "--no-report")
    load = ("--workload", "fixed:prompt=200,output=10", "-s", "sarathi", "--json")
    named = ("sweep", *ROOFLINE, *small, *load, "--results", tmp_path / "results")
    own = ("sweep", "--profile", file, *small, *load, "--results", tmp_path / "results")
    points = json.loads(slaibench(*named).out)["points"]
    recordings = set((tmp_path / "results").rglob("run.json"))
    assert recordings
    assert json.loads(slaibench(*own).out)["points"] == points
    # Nothing was run again: a cell knows its profile by what it holds.
    assert set((tmp_path / "results").rglob("run.json")) == recordings


def test_numbers_are_in_the_document() -> None:
    document = json.loads(slaibench("profile", *ROOFLINE, "--json").out)
    assert (document["status"], document["tensor_parallel"]) == ("datasheet", 1)
    times = [row["ms"] for row in document["decode_ms"] if row["context_tokens"] == 1000]
    assert times == sorted(times)
    assert len(document["chunk_ms"]) == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--gpu", "h300"), "unknown GPU 'h300': did you mean 'h200'?"),
        (("--model", "qwen3"), "unknown model 'qwen3': did you mean"),
        (("--tp", "3"), "--tp 3: give a power of two"),
        (("--engine-version", "0.24.0"), "say of which engine"),
        (("--profile", "none.json"), "cannot read none.json"),
        ((*ROOFLINE[:4], "--engine", "roofline", "--model", "llama-3.1-70b"), "does not fit"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused("profile", *arguments).replace("\n", " ")
