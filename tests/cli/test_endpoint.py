"""Options of an endpoint's dialect, as they are given."""

from __future__ import annotations

import pytest

from slaibench.cli.endpoint import DialectOptions
from slaibench.endpoint.dialect import Dialect
from slaibench.endpoint.target_headers import TargetHeaders
from tests.cli.command import slaibench


def test_nothing_given_is_the_plain_dialect() -> None:
    assert DialectOptions().parsed() is None


def test_every_option_is_heard() -> None:
    given = DialectOptions(
        no_ignore_eos=True,
        any_length=True,
        no_continuous_usage=True,
        max_tokens_field="limit",
        extra_body='{"a": null}',
        header=["X-A: b: c", "X-B:d"],
        insecure=True,
        new_connections=True,
        target_headers=TargetHeaders.LLM_D,
    ).parsed()
    assert given is not None
    assert given.is_openai
    assert given.plain_headers() == {"X-A": "b: c", "X-B": "d"}
    assert given == Dialect.model_validate(
        {
            "ignore_eos": False, "exact_lengths": False, "continuous_usage": False,
            "max_tokens_field": "limit", "extra_body": {"a": None}, "insecure": True,
            "headers": {"X-A": "b: c", "X-B": "d"}, "new_connections": True,
            "target_headers": "llm-d",
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--extra-body", "{"], "--extra-body is no JSON"),
        (["--extra-body", "[1]"], "--extra-body must be a JSON object"),
        (["--extra-body", "[" * 100_000], "--extra-body is no JSON"),
        (["--extra-body", '{"stream": false}'], "cannot set 'stream'"),
        (["--extra-body", '{"api_key": "hunter2"'], "--extra-body is no JSON (at character 22)"),
        (["--extra-body", '"hunter2"'], "--extra-body must be a JSON object"),
        (["--extra-body", '{"n": 2, "key": "hunter2"}'], "cannot set 'n', which decides"),
        (["--extra-body", '{"key": "hunter2 \\ud83d"}'], "half of a character"),
        (["--max-tokens-field", "stream"], "max_tokens_field cannot be 'stream'"),
        (["--header", "hunter2"], "--header must be 'Name: value'"),
        (["--header", "A b\x01: hunter2"], "cannot be sent"),
    ],
)
def test_what_does_not_parse_is_refused_without_being_repeated(
    arguments: list[str], words: str
) -> None:
    ran = slaibench("replay", "--url", "http://127.0.0.1:9", "--model", "m", *arguments)
    assert ran.status == 2
    assert words in " ".join(ran.err.split())
    assert "hunter2" not in ran.err + ran.out
    assert "Traceback" not in ran.err


def test_the_help_names_the_keys_variable() -> None:
    ran = slaibench("replay", "--help")
    assert "OPENAI_API_KEY" in ran.out
