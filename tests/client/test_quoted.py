"""A server's words never hold what was given it in secret."""

from __future__ import annotations

import html
import json
from base64 import b64encode
from urllib.parse import quote

import pytest

from slaibench.client.quoted import Quoter, excerpt
from slaibench.client.target import Target

SECRET = 'p/s"w+rd&x=1 \u00e4!'
ECHOES = {
    "plain": SECRET,
    "url": quote(SECRET, safe=""),
    "url in small letters": quote(SECRET, safe="").lower(),
    "json": json.dumps(SECRET),
    "json in json": json.dumps(json.dumps(SECRET)),
    "json as PHP writes it": json.dumps(SECRET).replace("/", "\\/"),
    "html": html.escape(SECRET),
    "python": repr(SECRET),
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_secret_is_masked_however_it_is_written(echo: str) -> None:
    assert Quoter([SECRET])(f"bad key {echo} sent").strip("'\"") in {
        f"bad key {a}***{a} sent" for a in ("", "'", '"', '\\"', '"\\"')
    } | {'bad key "\\"***\\"" sent'}


def test_a_secret_that_was_cut_is_masked_as_far_as_it_came() -> None:
    quoter = Quoter(["sk-0123456789abcdef"])
    assert quoter("is sk-0123456789... wrong") == "is ***... wrong"
    assert quoter("is sk-01") == "is ***"
    body = b"x" * 250 + b"sk-0123456789abcdef" * 200
    assert "sk-0" not in quoter(body)
    assert "sk-0" not in quoter(b"sk-0123456789abcdef " * 900)


def test_secrets_that_begin_alike_or_lie_over_each_other_are_all_masked() -> None:
    quoter = Quoter(["Bearer SECRET-ONE", "sk-secret-two", "sk-secret-twofold"])
    assert quoter("a Bearer sk-secret-two b") == "a *** b"
    assert quoter("a sk-secret-twofold, b") == "a ***, b"
    assert Quoter(["abcd-efgh", "fgh-ijkl"])("x abcd-efgh-ijkl y") == "x *** y"


def test_other_words_stay() -> None:
    assert Quoter(["abc", ""])("abc of it") == "abc of it"
    assert Quoter([])("a\n b") == excerpt("a\n b") == "a b"


def test_all_that_is_sent_in_secret_is_known() -> None:
    basic = b64encode(b"me:basic-word").decode()
    quoter = Target(
        "http://h/v1?sig=query%2Fvalue&api-version=2024-10",
        "m",
        api_key="the-api-key",
        headers={"A": "Bearer bearer-word", "B": f"Basic {basic}", "Cookie": "s=cookie-word; t=1"},
        extra_body={"user": "user-word", "nested": [{"x": "nested-word"}], "top_k": 4},
    ).quoter()
    words = ["query%2Fvalue", "query/value", "the-api-key", "bearer-word", basic, "basic-word"]
    for word in (*words, "cookie-word", "user-word", "nested-word"):
        assert quoter(f"<{word}>") == "<***>"
    assert quoter("2024-10 top_k 4") == "2024-10 top_k 4"
