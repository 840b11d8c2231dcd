"""What a refusal's words say of the option that helps."""

from __future__ import annotations

import pytest

from slaibench.client.refusals import way_out


@pytest.mark.parametrize(
    ("status", "text", "option"),
    [
        (400, "Unrecognized request argument supplied: ignore_eos", "--no-ignore-eos"),
        (422, "body.stream_options: Extra inputs are not permitted", '{"stream_options": null}'),
        (400, "Unknown parameter: 'stream_options.continuous_usage_stats'", "--no-continuous"),
        (
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            "--max-tokens-field max_completion_tokens",
        ),
        (400, "Unsupported value: 'temperature' does not support 0", '{"temperature": null}'),
        (400, "seed is not supported", '{"seed": null}'),
        (422, "prompt must be a string", "--prompts text"),
        (401, "who are you", "OPENAI_API_KEY"),
    ],
)
def test_the_option_that_helps_is_named(status: int, text: str, option: str) -> None:
    assert option in way_out(status, text)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (500, "temperature is not supported"),
        (400, "no such thing"),
        (400, "max_tokens is too large: it exceeds the maximum context length"),
        (400, ""),
    ],
)
def test_nothing_is_named_where_the_words_do_not_tell(status: int, text: str) -> None:
    assert way_out(status, text) == ""
