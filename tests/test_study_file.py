"""A study as a TOML file: the same specification comes back, and what is wrong is named."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import slaibench
from slaibench.spec import StudySpec
from slaibench.spec.study_file import StudyKind, parse, read, written
from slaibench.spec.study_layout import PLACES
from slaibench.spec.toml import toml

EXAMPLE = Path(__file__).parents[1] / "docs" / "studies" / "two-schedulers.toml"
FILE = Path("study.toml")

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
_values = st.recursive(
    st.booleans() | _numbers | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | _texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_texts, inner, max_size=2),
    max_leaves=4,
)
_specs = st.fixed_dictionaries(
    {},
    optional={
        "schedulers": st.lists(
            st.from_regex(r"[a-z]{1,9}", fullmatch=True), min_size=1, unique=True
        ),
        "backend": st.sampled_from(["sim", "vllm"]),
        "device": st.sampled_from(["cpu", "cuda"]),
        "model": st.text('abcü"\\\x7f', min_size=1, max_size=9),
        "prefix_caching": st.booleans(),
        "kv_blocks": st.integers(1, 10**9),
        "timeout_s": st.floats(0, 1e6, exclude_min=True),
        "dialect": st.fixed_dictionaries(
            {},
            optional={
                "ignore_eos": st.booleans(),
                "insecure": st.booleans(),
                "extra_body": st.dictionaries(st.text("xyz.", min_size=1), _json, max_size=2),
                "headers": st.dictionaries(st.text("ab", min_size=1), st.text("cd")),
            },
        ),
        "arrivals": _texts,
        "rates": st.lists(st.floats(1e-3, 1e3), max_size=4).map(tuple),
        "num_seeds": st.integers(1, 1000),
        "num_requests": st.integers(20, 10**6),
        "convention": st.sampled_from(["strict", "paper"]),
        "slo": _texts.filter(lambda text: text != "paper"),
    },
)


@given(st.dictionaries(_texts, _values, max_size=5))
def test_what_is_written_is_read_back(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml(document)) == document


@pytest.mark.parametrize("value", [None, "\ud800", object()])
def test_what_toml_lacks_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="a study file"):
        toml({"a": value})


def test_infinity_is_written_as_toml_has_it() -> None:
    assert tomllib.loads(toml({"a": math.inf, "b": -math.inf})) == {"a": math.inf, "b": -math.inf}


@given(_specs)
def test_a_specification_comes_back_from_its_file(fields: dict[str, Any]) -> None:
    spec = StudySpec(**fields)
    assert parse(written(StudyKind.SWEEP, spec), FILE).spec() == spec


def test_a_field_that_no_file_has_is_refused() -> None:
    with pytest.raises(ValueError, match="early_stop False"):
        written(StudyKind.SWEEP, StudySpec(early_stop=False))


def test_every_field_that_is_an_option_has_a_place() -> None:
    assert PLACES["num_seeds"] == "load.seeds"
    assert set(StudySpec.model_fields) - set(PLACES) == {"early_stop", "rates_chosen"}


def test_python_reads_a_study_file() -> None:
    spec = slaibench.load_study(EXAMPLE)
    assert spec.schedulers == ("sarathi", "slai")
    assert spec.rates == (3.0, 5.0)
    again = StudySpec(**spec.model_dump(exclude_unset=True))
    assert again == spec


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind =", "study.toml: Invalid value (at end of document)"),
        ("schedulers = []", 'kind is missing: begin with kind = "sweep"'),
        ('kind = "swep"', "kind \"swep\": did you mean 'sweep'?"),
        ('kind = "sweep"\nrates = 3', "rates belongs in the table [load]"),
        ('kind = "sweep"\nload = 3', "load 3: it is a table: write [load]"),
        ('kind = "sweep"\n[lod]', "did you mean 'load'?"),
        ('kind = "sweep"\n[bound]\neps = 1', 'goes with kind = "bound", not with "sweep"'),
        ('kind = "sweep"\n[load]\nslo = "x"', "slo belongs in the table [targets]"),
        ('kind = "sweep"\n[running]\nseeds = 3', "seeds belongs in the table [load]"),
        (
            'kind = "sweep"\n[load]\nrate = 3',
            "load.rate: there is no key 'rate' here: did you mean 'rates'?",
        ),
        ('kind = "sweep"\n[load]\nseeds = "3"', 'load.seeds "3": must be a whole number'),
        ('kind = "sweep"\n[load]\nseeds = true', "load.seeds true: must be a whole number"),
        ('kind = "sweep"\n[load]\nseeds = 0', "load.seeds 0: must be greater than or equal to 1"),
        ('kind = "sweep"\n[load]\nseeds = 1979-05-27', "load.seeds 1979-05-27: must be"),
        ('kind = "sweep"\n[load]\nrates = "9:1"', "load.rates \"9:1\": rates '9:1': the stop 1"),
        ('kind = "sweep"\n[load]\nrates = [[1]]', "load.rates [[1]]:"),
        ('kind = "sweep"\n[serving]\ndevice = "cpuu"', 'serving.device "cpuu": must be'),
        ('kind = "replay"\n[endpoint.dialect]\nignor_eos = true', "did you mean 'ignore_eos'?"),
        (
            'kind = "replay"\n[endpoint.dialect]\nextra_body = "{"',
            "dialect.extra_body: it is no JSON",
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^study\.toml: ") as refused:
        parse(text, FILE).spec()
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        '[endpoint]\nurl = ["key-abc"]',
        '[endpoint.dialect.headers]\nX-Key = ["key-abc"]',
        '[endpoint.dialect]\nextra_body = "{key-abc"',
    ],
)
def test_no_message_repeats_a_secret(text: str) -> None:
    with pytest.raises(ValueError, match=r"^study\.toml: endpoint") as refused:
        parse(f'kind = "replay"\n{text}', FILE).spec()
    assert "key-abc" not in str(refused.value)


def test_names_of_files_are_relative_to_the_study_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    (tmp_path / "lengths.csv").touch()
    file = tmp_path / "study.toml"
    file.write_text(
        'kind = "sweep"\nschedulers = ["slai", "mine.py:Mine:batch=3"]\n'
        '[load]\nworkload = ["lengths.csv", "sharegpt4-model"]\n[serving]\nmodel = "org/name"\n'
    )
    spec = read(file).spec()
    assert spec.schedulers == ("slai", f"{tmp_path}/mine.py:Mine:batch=3")
    assert spec.workload == f"{tmp_path}/lengths.csv + sharegpt4-model"
    assert spec.model == "org/name"
    (tmp_path / "lengths.csv").unlink()
    with pytest.raises(ValueError, match=rf"load\.workload 'lengths.csv': .* {tmp_path}/lengths"):
        read(file)


@pytest.mark.parametrize("content", [b"\xff", b"#" * 1_000_001])
def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "study.toml"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"study\.toml: a study file"):
        read(file)


def test_a_budget_of_time_comes_back_from_a_file() -> None:
    spec = StudySpec(
        backend="endpoint",
        url="http://localhost:1",
        schedulers=("endpoint",),
        minutes=3.0,
        max_rate_rps=20.0,
    )
    text = written(StudyKind.CAPACITY, spec)
    assert "[capacity]\nminutes = 3.0\nmax_rate = 20.0" in text
    again = parse(text, FILE).spec()
    assert (again.minutes, again.max_rate_rps) == (3.0, 20.0)
    assert "minutes" not in StudySpec().to_json()  # documents of other studies are as they were
