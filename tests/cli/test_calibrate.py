from __future__ import annotations

import json
from pathlib import Path

import pytest

from slaibench.backends.table import ENGINES
from slaibench.spec import Device
from tests.backends.needed import needed
from tests.cli.command import refused, slaibench

SMALL = ("--token-budget", "64", "--max-active", "6", "--max-context-tokens", "256")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "say what to measure: --device cuda or cpu"),
        (("--backend", "sim", "--device", "cpu"), "no engine to measure: give --backend vllm or"),
        (("--backend", "vlm", "--device", "cpu"), "did you mean 'vllm'"),
        (("--device", "cpu", "--token-budget", "100"), "a token budget of 100 leaves no room"),
        (("--device", "cpu", "--max-active", "2"), "max_active 2 leaves no decodes"),
        (("--device", "cpu", "--max-context-tokens", "99"), "a context of 99 tokens is too short"),
        (("--device", "cpu", "--max-context-tokens", "9000"), "tiny-mistral takes 8192"),
        (("--device", "cpu", "--gpu", "h100"), "is this machine's own: leave --gpu out"),
        (("--device", "emulated", "--weights", "here"), "needs no weights"),
        (
            ("--device", "emulated", "--speculative-tokens", "3", "--acceptance-rate", "0.5"),
            "decodes of one token are measured here",
        ),
        (("--device", "emulated", "--model", "mistral"), "mistral-7b"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_starts(
    arguments: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    message = refused("calibrate", "--out", tmp_path / "c", *arguments)
    assert why in message
    assert not (tmp_path / "c").exists()


@pytest.fixture
def emulated() -> tuple[str, ...]:
    """Arguments for an engine on an emulated device."""
    needed(ENGINES["vllm"], Device.EMULATED)
    return ("calibrate", "--device", "emulated", "--gpu", "h100", *SMALL)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--minutes", "0"), "minutes must be more than 0"),
        (("--rounds", "0"), "rounds must be from 1 to 20"),
        (("--out", "a,b"), "a comma in its path"),
    ],
)
def test_a_bad_budget_or_folder_is_refused(
    emulated: tuple[str, ...],
    arguments: tuple[str, ...],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert why in refused(*emulated, *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore")
def test_a_profile_comes_out_that_the_simulator_takes(
    emulated: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "c"
    ran = slaibench(*emulated, "--rounds", "2", "--out", out)
    assert ran.status == 0, ran.err
    assert "mistral-7b on h100-emulated" in ran.out
    for row in ("decodes", "chunks", "both"):
        assert any(line.startswith(row) and "%" in line for line in ran.out.splitlines()), row
    assert "round 2, long contexts" in ran.err

    again = slaibench(*emulated, "--rounds", "2", "--out", out, "--json")
    assert "0 parts of rounds measured" in again.err
    document = json.loads(again.out)
    assert document["rounds"] == 2
    assert document["values"] == json.loads((out / "profile.json").read_text())
    assert {errors["kind"] for errors in document["errors"]} == {"decode", "prefill", "mixed"}

    other = refused(*emulated, "--kv-blocks", "900", "--out", out)
    assert "another calibration (kv_blocks" in other

    profile = out / "profile.json"
    load = ("--workload", "uniform:prompt=20-180,output=5-40", "--requests", "60", "--seeds", "1")
    scheduler = ("-s", "sarathi:token_budget=64,max_active=4", "--rates", "5")
    results = ("--results", tmp_path / "r", "--no-report")
    swept = slaibench("sweep", "--profile", profile, *load, *scheduler, *results, columns=400)
    assert swept.status == 0, swept.err
    assert "simulated mistral-7b on h100-emulated: profile h100-emulated/mistral-7b" in swept.out
    assert "outside the profile's regime" not in swept.out
