"""Targets of tenants from a table of requests to the answer on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import slaibench
from tests.studies.studies import H100

LOAD = ("-s", "slai", "--rates", "5", "--seeds", "1", "--profile", str(H100), "--no-report")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Requests of acme's, three of four, and of umbrella's, with a TTFT target of 10 s or none."""
    rows = [
        f"{300 + i},20,{'acme' if i % 4 else 'umbrella'},{'10' if i % 2 else ''}" for i in range(80)
    ]
    file = tmp_path / "table.csv"
    file.write_text("\n".join(["prompt_tokens,output_tokens,tenant,ttft_slo_s", *rows]) + "\n")
    return file


def sweep(table: Path, slo: str, *more: str, requests: int = 400) -> tuple[int, str, str]:
    where = ("--workload", str(table), "--results", str(table.parent / "results"))
    size = ("--requests", str(requests))
    ran = slaibench("sweep", *LOAD, *where, *size, "--slo", slo, *more)
    return ran.status, ran.out, ran.err


def test_a_tenant_s_targets_are_judged_and_its_numbers_shown(table: Path) -> None:
    slo = "ttft_p50@tenant=acme<5,goodput_share@tenant=acme>0.5,ttft_p99@tenant=umbrella<5"
    status, out, err = sweep(table, slo, "--json")
    assert status == 0, err
    (point,) = json.loads(out)["points"]
    acme, umbrella = (point["groups"][f"tenant={name}"] for name in ("acme", "umbrella"))
    assert acme["ttft_p50_s"]["n"] + umbrella["ttft_p50_s"]["n"] == point["n"]
    assert acme["goodput_share"]["value"] == 1.0
    assert acme["goodput_share"]["ci95"][0] < 1.0  # a few hundred requests are not all requests
    # Some hundred requests are no P99, though none waited long.
    left = [target for target in point["verdict"]["targets"] if "tenant" in target["slo"]]
    assert left == [{"slo": "ttft_p99@tenant=umbrella<5", "tier": None}]
    _, out, _ = sweep(table, slo)
    assert "slai, by tier and tenant" in out
    assert "tenant umbrella" in out


@pytest.mark.parametrize(
    ("slo", "said"),
    [
        ("ttft_p50@tenant=acne<5", "is of tenant 'acne'; there are acme, umbrella"),
        ("ttft_p50@tier=gold<5", "no tier 'gold'; there are paying, free"),
        ("goodput>0.9", "the share of requests within all of their own targets is goodput_share"),
        ("goodput_share<0.9", "bound it from below, as goodput_share>0.99"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_it_runs(table: Path, slo: str, said: str) -> None:
    status, out, err = sweep(table, slo)
    assert (status, out) == (2, "")
    assert said in " ".join(err.split())
    assert not (table.parent / "results").exists()
