"""What a URL says of where a server listens, and what of it is shown."""

from __future__ import annotations

import pytest

from slaibench.endpoint.url import Address, Api, parse_url, public_url


@pytest.mark.parametrize(
    ("url", "address", "authority"),
    [
        ("http://h:8000", Address("h", 8000, False), "h:8000"),
        ("http://h:8000/v1", Address("h", 8000, False), "h:8000"),
        ("http://h:8000/v1/", Address("h", 8000, False), "h:8000"),
        ("localhost:8000", Address("localhost", 8000, False), "localhost:8000"),
        ("https://h/a/b/v1", Address("h", 443, True, "/a/b", "/a/b/v1"), "h"),
        ("http://h/v1?x=1", Address("h", 80, False, query="x=1"), "h"),
        ("http://h/v1/completions", Address("h", 80, False, api=Api.COMPLETIONS), "h"),
        ("http://h/v1/chat/completions/", Address("h", 80, False, api=Api.CHAT), "h"),
        (
            "https://h/openai/dep/chat/completions?api-version=2",
            Address("h", 443, True, "/openai/dep", "/openai/dep", "api-version=2", Api.CHAT),
            "h",
        ),
        ("http://h", Address("h", 80, False), "h"),
        ("http://[::1]:8000", Address("::1", 8000, False), "[::1]:8000"),
    ],
)
def test_addresses_of_urls(url: str, address: Address, authority: str) -> None:
    assert parse_url(url) == address
    assert address.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://",
        "ftp://h",
        "http://h:port",
        "http://h:99999",
        "http://h/ä",
        "http://h/a b",
        "http://[::1",
        "http://h/#a",
        "8000",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        parse_url(url)


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="no user or password") as caught:
        parse_url("http://me:hunter2@h")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match="is not one like") as caught:
        parse_url("http://me:hunter2@h:port")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h/v1", "http://h/v1"),
        ("http://h/v1?key=hunter2&api-version=3&x", "http://h/v1?key=...&api-version=3&x"),
    ],
)
def test_a_querys_values_are_in_no_message(url: str, shown: str) -> None:
    assert public_url(url) == shown


def test_a_password_is_in_no_message() -> None:
    assert public_url("http://me:pw@h:1/v1?a=b#c") == "http://...@h:1/v1?a=..."
