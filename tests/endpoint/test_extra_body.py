"""Which fields of a body may be given, and which are shown."""

from __future__ import annotations

from typing import Any

import pytest

from slaibench.endpoint import extra_body
from slaibench.endpoint.dialect import Dialect

BODY = {
    **{"api_key": "SECRETEE55", "nested": {"authorization": "Bearer SECRETGG77"}, "stop": ["ab"]},
    **{"reasoning_effort": "low", "response_format": {"type": "json_object"}, "top_p": 0.5},
    **{"chat_template_kwargs": {"enable_thinking": False}, "temperature": None},
}


def test_text_that_may_be_secret_is_written_as_its_digest() -> None:
    shown = Dialect(extra_body=BODY).model_dump(mode="json")["extra_body"]
    assert "SECRET" not in str(shown)
    assert shown["api_key"].startswith("hidden:")
    assert shown["stop"][0].startswith("hidden:")
    for name in ("response_format", "reasoning_effort", "top_p", "chat_template_kwargs"):
        assert shown[name] == BODY[name]
    assert extra_body.disclosed(shown) == shown
    assert "SECRET" not in repr(Dialect(extra_body=BODY))
    assert set(extra_body.secrets(BODY)) == {"SECRETEE55", "Bearer SECRETGG77", "ab"}


def test_two_that_differ_in_what_is_hidden_are_two() -> None:
    first, other = (Dialect(extra_body={"api_key": key}).identity() for key in ("a", "b"))
    assert first != other


def test_a_recordings_body_cannot_be_sent() -> None:
    recorded = Dialect.of_identity(Dialect(extra_body=BODY).identity())
    assert recorded is not None
    with pytest.raises(ValueError, match="leaves out what may be secret: give --extra-body"):
        recorded.plain_body()
    open_ = Dialect.of_identity(Dialect(extra_body={"top_p": 1}).identity())
    assert open_ is not None
    assert open_.plain_body() == {"top_p": 1}


MEASURED = [
    *("model", "max_tokens", "max_completion_tokens", "n", "best_of", "stream_options"),
    *("ignore_eos", "min_tokens"),
]


@pytest.mark.parametrize("name", MEASURED)
def test_what_decides_the_measurement_is_only_left_out(name: str) -> None:
    with pytest.raises(ValueError, match=f"extra_body cannot set '{name}'") as caught:
        Dialect(extra_body={name: "SECRET"})
    assert "SECRET" not in caught.value.errors()[0]["msg"]  # type: ignore[attr-defined]
    assert Dialect(extra_body={name: None}).extra_body == {name: None}


def test_the_limit_has_one_value_and_a_field_of_its_own() -> None:
    with pytest.raises(ValueError, match="cannot set 'limit'"):
        Dialect(max_tokens_field="limit", extra_body={"limit": 3})
    for name in ("stream", "prompt", "model", "messages", "stream_options", "seed"):
        with pytest.raises(ValueError, match=f"max_tokens_field cannot be '{name}'"):
            Dialect(max_tokens_field=name)


def test_a_field_whose_name_is_a_secret_is_hidden_too() -> None:
    body: dict[str, Any] = {"sk-1/2 3": 1}
    assert next(iter(extra_body.disclosed(body))).startswith("hidden:")
