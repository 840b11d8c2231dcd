"""The command that a page names makes its own recordings again, and no others."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path
from typing import Any

import pytest

from slaibench.recording import store
from slaibench.report.pages import bound
from slaibench.report.pages import study as study_page
from slaibench.report.study_document import StudyDocument
from slaibench.report.subject import make_subject
from slaibench.studies.bound.spec import BoundSpec
from slaibench.studies.from_disk import gather, group_cells
from tests.cli.command import slaibench
from tests.studies.studies import study, sweep


def numbers(results: Path, **fields: Any) -> StudyDocument:
    """The document of the page of what is found in a folder."""
    spec = study(**fields)
    sweep(spec, results, jobs=1)
    (cells,) = group_cells(list(store.find_runs(results))).values()
    result = gather(cells, spec.slo)
    return study_page.PAGE.document(make_subject(result), results.parent / "reports")


@pytest.mark.parametrize(
    "fields",
    [
        {"schedulers": ("slai",), "rates": (2.0, 5.25)},
        {"schedulers": ("sarathi", "slai:order=fcfs"), "gpu": "a100", "num_seeds": 2},
        {"schedulers": ("slai",), "async_scheduling": False},
        {"num_requests": None, "duration_s": 30.0, "convention": "paper", "first_seed": 3},
        {"arrivals": "gamma:cv=2", "tiers": "gold:1:0.2", "max_total_tokens": 1500},
    ],
)
def test_a_study_found_on_disk_is_all_taken_from_there(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    results = tmp_path / "r"
    before = numbers(results, **fields)
    program, *arguments = shlex.split(study_page.PAGE.command(before, results))
    ran = slaibench(*arguments, "--jobs", "1")
    assert program == "slaibench"
    assert ran.status == 0
    assert f"0 cells run, {len(before['runs'])} taken from disk" in ran.err


def test_the_command_of_bounds_names_what_was_planned() -> None:
    plan = BoundSpec(study(schedulers=("slai",)), outputs=(), budgets=(), cycles=(), tiles=())
    words = bound.PAGE.command({"ask": plan.to_json()}, Path("r"))
    assert words.startswith("slaibench bound --scheduler slai --seeds 1 --outputs none")
    assert "--no-rad" in words


def test_an_endpoints_dialect_is_in_the_command_and_its_secrets_are_not() -> None:
    spec = study(
        backend="endpoint",
        schedulers=("theirs",),
        url="http://h?key=hunter2",
        dialect={
            "ignore_eos": False,
            "extra_body": {"temperature": None},
            "headers": {"X-Key": "hunter2"},
            "new_connections": True,
        },
    )
    doc = {
        "spec": spec.model_dump(mode="json"),
        "cell": {"workload": "w"},
        "pair": None,
        "runs": [],
    }
    words = shlex.split(study_page.PAGE.command(doc, Path("r")))
    assert words[:4] == ["slaibench", "replay", "--label", "theirs"]
    assert "hunter2" not in " ".join(words)
    pairs = dict(itertools.pairwise(words))
    assert pairs["--url"] == "http://h?key=..."
    assert pairs["--extra-body"] == '{"temperature": null}'
    assert pairs["--header"] == "X-Key: ..."
    assert {"--no-ignore-eos", "--new-connections"} < set(words)
    assert "--any-length" not in words
