"""A study that ran, as a study file: its command takes it, and asks for the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slaibench.cli.app import STUDIES
from slaibench.cli.study_keys import keys_of
from slaibench.cli.study_run import command_line
from slaibench.spec import StudySpec
from slaibench.spec.study_file import parse
from slaibench.spec.study_layout import StudyKind
from slaibench.spec.study_text import study_text
from slaibench.studies.systems.table import settled

SERVER = {"backend": "endpoint", "url": "http://h:1", "model": "m", "num_seeds": 1}
CASES: dict[str, tuple[StudyKind, dict[str, Any]]] = {
    "defaults": (StudyKind.SWEEP, {"rates": (1.0, 2.0)}),
    "chosen": (StudyKind.SWEEP, {"rates": (1.0,), "rates_chosen": "auto"}),
    "three": (StudyKind.COMPARE, {"schedulers": ("slai", "rad", "orca"), "rates": (3.0,)}),
    "seeds": (StudyKind.CAPACITY, {"num_seeds": 3}),
    "paper": (
        StudyKind.SWEEP,
        {"convention": "paper", "slo": "ttft_p50<0.5,ttft_p99<5,tbt_p99<tier", "rates": (1.0,)},
    ),
    "engine": (StudyKind.SWEEP, {"backend": "vllm", "device": "emulated", "rates": (1.0,)}),
    "server": (StudyKind.REPLAY, {**SERVER, "schedulers": ("theirs",), "rates": (1.0,)}),
    "minutes": (
        StudyKind.CAPACITY,
        {**SERVER, "schedulers": ("endpoint",), "minutes": 2.0, "max_rate_rps": 9.0},
    ),
    "dialect": (
        StudyKind.REPLAY,
        {
            **SERVER,
            "schedulers": ("endpoint",),
            "rates": (1.0,),
            "dialect": {"ignore_eos": False, "headers": {"Key": "secret"}, "extra_body": {"a": 1}},
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_its_command_takes_it_and_it_asks_for_the_same(name: str) -> None:
    kind, fields = CASES[name]
    spec = settled(StudySpec.model_validate(fields))
    text = study_text(kind, spec.to_json())
    assert text is not None
    assert "secret" not in text
    study = parse(text, Path("study.toml"))
    assert study.kind is kind
    assert command_line(study, keys_of(STUDIES[kind], kind), ())
    again = settled(study.spec()).to_json()
    before = {**spec.to_json()}
    before.pop("rates_chosen", None)
    for form in (before, again):
        if dialect := form.get("dialect"):
            form["dialect"] = {**dialect, "headers": {}}  # type: ignore[dict-item]
    if fields.get("backend") != "endpoint" or kind is StudyKind.REPLAY:
        assert again["num_seeds"] == before["num_seeds"]
    before["num_seeds"] = again["num_seeds"]
    assert again == before


def test_what_a_command_would_take_from_its_own_defaults_is_said() -> None:
    text = study_text(StudyKind.CAPACITY, StudySpec().to_json()) or ""
    assert 'schedulers = ["sarathi", "slai"]' in text
    assert "seeds = 3" in text  # a search has five by default
    assert "slo = " in text


def test_what_no_file_asks_for_has_none() -> None:
    stopped = StudySpec(rates=(1.0,), early_stop=False)
    assert study_text(StudyKind.SWEEP, stopped.to_json()) is None
    as_it_is = StudySpec(rates=(1.0,), early_stop=True)
    assert study_text(StudyKind.SWEEP, as_it_is.to_json()) is not None
