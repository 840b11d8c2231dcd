"""The text form of options."""

from __future__ import annotations

import pytest

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.options import parse_options


def test_reads_a_path_and_named_values():
    options = parse_options("x", "dir/a.json, max_total=12")
    assert (options.path, options.values) == ("dir/a.json", {"max_total": "12"})


def test_there_may_be_several_paths_where_they_are_wanted():
    options = parse_options("x", "a,n=1,b")
    assert options.paths == ("a", "b")
    options.only(["n"], paths=None)
    with pytest.raises(WorkloadError, match="two paths, 'a' and 'b'; give one"):
        options.only(["n"], paths=1)
    with pytest.raises(WorkloadError, match="x does not take 'a'"):
        options.only(["n"])


def test_empty_text_has_neither():
    options = parse_options("x", "")
    assert (options.path, options.values) == (None, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=1,a=2", "x: a is given twice"),
        ("a=1,", "empty option"),
        ("=1", "written name=value"),
        ("a=", "written name=value"),
    ],
)
def test_refuses_malformed_options(text, message):
    with pytest.raises(WorkloadError, match=message):
        parse_options("x", text)


@pytest.mark.parametrize("text", ["n=0", "n=1.5", "n=-3", "n=many"])
def test_a_count_is_a_whole_number_of_at_least_one(text):
    with pytest.raises(WorkloadError, match="x: n must be a whole number of at least 1"):
        parse_options("x", text).count("n", 5)


def test_absent_values_take_their_defaults():
    options = parse_options("x", "")
    assert options.count("n", 5) == 5
    assert options.number("r") is None
    with pytest.raises(WorkloadError, match="x needs n=VALUE"):
        options.text("n")
