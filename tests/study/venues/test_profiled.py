"""A profile as its venues tell of it: known errors, and what whole runs on it were held against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slaibench.catalog import get_profile
from slaibench.catalog.validations import own_file
from slaibench.study.bench import prepare
from slaibench.study.venues.profiled import describe_profile, profile_facts, validated
from tests.study.studies import study


def validation(grade: str, against: str = "a log (9 requests in 1 s)") -> dict[str, Any]:
    return {
        "engine": "vLLM 0.19.0",
        "against": against,
        "errors": {"ttft_mean": 0.5, "ttft_p50": 0.013, "tpot_p50": -0.002},
        "grades": {"ttft": "A", "all": grade},
    }


def test_a_line_says_what_a_profile_was_held_against() -> None:
    assert validated({"validations": [validation("B")]}) == (
        "validated against vLLM 0.19.0, a log (9 requests in 1 s): median TTFT +1.3%, median TPOT "
        "-0.2%; grade B"
    )


def test_of_several_the_worst_is_told_and_how_many_there_are() -> None:
    kept = [validation("A", "x"), validation("C", "y"), validation("B", "z")]
    line = validated({"validations": kept})
    assert "0.19.0, y: " in line
    assert line.endswith("grade C (the worst of 3 validations)")


def test_a_profile_without_one_says_so_and_so_do_recordings_of_before() -> None:
    for facts in ({"validations": []}, {}):
        assert validated(facts) == "not validated against a run of an engine"


def test_the_catalogs_own_are_among_a_recordings_facts() -> None:
    facts = profile_facts(get_profile("rtx4090", "llama-3.1-8b"))
    first, second = describe_profile(facts).splitlines()
    assert first.startswith("profile rtx4090/llama-3.1-8b (measured; from vLLM 0.19.0, bf16)")
    assert second.startswith("validated against vLLM 0.19.0")


def test_a_damaged_file_of_validations_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path))
    path = own_file(get_profile("h100", "mistral-7b"))
    path.parent.mkdir()
    path.write_text("[]")
    with pytest.raises(ValueError, match=r"h100_mistral-7b.json must hold a JSON object"):
        prepare(study())
