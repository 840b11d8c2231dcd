"""Prometheus' text format: what is read of it, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.endpoint.exposition import ExpositionError, Sample, samples

NAME = "vllm:num_requests_waiting"
LABEL_NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
LABELS = st.dictionaries(LABEL_NAMES, st.text(st.characters(exclude_categories=["Cs"])), max_size=4)
VALUES = st.floats() | st.integers(-(10**9), 10**18).map(float)


def escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def line(name: str, labels: Mapping[str, str], value: str) -> str:
    inside = ",".join(f'{key}="{escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {value}\n" if labels else f"{name} {value}\n"


def as_written(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, repr(value))


@given(st.lists(LABELS, max_size=4, unique_by=lambda labels: frozenset(labels.items())), VALUES)
def test_whatever_is_written_is_read(of_engines: list[dict[str, str]], value: float) -> None:
    text = "# HELP it What it is.\n# TYPE it gauge\n" + "".join(
        line(NAME, labels, as_written(value)) for labels in of_engines
    )
    read = samples(text, [NAME])
    assert [sample.labels for sample in read] == of_engines
    for sample in read:
        assert sample.value == value or math.isnan(value)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    said = ""
    try:
        samples(text, [NAME])
    except ExpositionError as error:
        said = str(error)
    assert len(said) < 1000


@given(LABELS, st.integers(0, 200))
def test_a_text_that_was_cut_off_gives_no_other_number(labels: dict[str, str], at: int) -> None:
    whole = line(NAME, labels, "12345") + line("other", {}, "1")
    try:
        read = samples(whole[:at], [NAME])
    except ExpositionError:
        return
    assert read in ([], [Sample(NAME, labels, 12345.0)])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"{NAME} 3\n", 3.0),
        (f"  {NAME}\t3.5e1  \n", 35.0),
        (f"{NAME}{{}} 3 1700000000000\n", 3.0),
        (f'{NAME}{{a="b",}} 3 -1.5\n', 3.0),
        (f'{NAME} {{ a = "b" , c = "}} 9" }} 3\n', 3.0),
        (f'{NAME} 3 # {{trace_id="x"}} 0.67 1.5\n# EOF\n', 3.0),
        (f"{NAME} 3\r\n", 3.0),
        (f"{NAME} NaN\n", math.nan),
        (f"{NAME} +Inf\n", math.inf),
        (f"{NAME}_total 5\nx{NAME} 6\n{NAME} 3\n", 3.0),
    ],
)
def test_a_line_may_have_more_than_a_value(text: str, value: float) -> None:
    (sample,) = samples(text, [NAME])
    assert sample.value == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!DOCTYPE html><html></html>\n", "it begins with '<!DOCTYPE"),
        (f"{NAME} 3", "cut off"),
        (f"{NAME}\n", "line 1 is malformed"),
        (f"# TYPE x gauge\n{NAME} three\n", "line 2 is malformed"),
        (f"{NAME} 1_000\n", "malformed"),
        (f'{NAME}{{a="b}} 3\n', "malformed"),
        (f"{NAME}{{a=b}} 3\n", "malformed labels"),
        (f'{NAME}{{a="1",a="2"}} 3\n', "malformed labels"),
        (f'{NAME}{{a="1" b="2"}} 3\n', "malformed labels"),
        (f'{NAME}{{a="1",b="2"}} 3\n{NAME}{{b="2",a="1"}} 3\n', "line 2 is there twice"),
    ],
)
def test_what_is_not_of_the_format_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(ExpositionError, match=words):
        samples(text, [NAME])


def test_only_a_line_feed_ends_a_line() -> None:
    text = f'{NAME}{{a="x\u2028y\x0bz"}} 3\n'
    assert samples(text, [NAME]) == [Sample(NAME, {"a": "x\u2028y\x0bz"}, 3.0)]


def test_it_is_read_as_prometheus_own_client_reads_it() -> None:
    parser = pytest.importorskip(
        "prometheus_client.parser", reason="prometheus_client comes with the engines alone"
    )
    text = "".join(
        line(NAME, labels, value)
        for labels, value in (
            ({"model_name": 'a "quoted" \\ name\n', "engine": "0"}, "3"),
            ({"model_name": "b{,}=", "engine": "1"}, "NaN"),
            ({}, "1e3"),
        )
    )
    (family,) = parser.text_string_to_metric_families(f"# TYPE {NAME} gauge\n{text}")
    theirs = [(sample.labels, repr(float(sample.value))) for sample in family.samples]
    assert [(sample.labels, repr(sample.value)) for sample in samples(text, [NAME])] == theirs
