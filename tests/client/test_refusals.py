"""What a refusal's words say of the option that helps."""

from __future__ import annotations

import ssl

import pytest

from slaibench.client.refusals import connection_error, way_out


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


def test_https_to_a_server_without_tls_is_said() -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="a")
    incoming.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ssl.SSLError) as raised:
        session.do_handshake()
    assert "http:// and not https://" in connection_error(raised.value)
