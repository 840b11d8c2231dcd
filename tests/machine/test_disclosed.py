"""Texts without what tells whose machine it is."""

from __future__ import annotations

import getpass
import socket

import pytest

from slaibench.machine.disclosed import Form, digest, without_places


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/.venv/bin/python cannot be run", "(a path) cannot be run"),
        ("in '~/code/x.py', line 3", "in '(a path)', line 3"),
        ("no answer from https://me:pw@hub.example/x?key=1", "no answer from (an address)"),
        ("10.0.0.7:8000 refused", "(an address) refused"),
        ("/sys/kernel/mm cannot be read", "/sys/kernel/mm cannot be read"),
        ("3 requests/s", "3 requests/s"),
    ],
)
def test_places_are_left_out(text: str, shown: str) -> None:
    assert without_places(text) == shown


def test_the_host_and_the_user_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "node-7")
    monkeypatch.setattr(getpass, "getuser", lambda: "alice")
    assert without_places("alice on node-7 fails") == "(a name) on (a name) fails"


def test_a_configuration_is_shown_if_all_of_it_is_plain() -> None:
    plain = '{"mode": 3, "sizes": [1, 2], "backend": "inductor", "on": true}'
    assert Form.JSON.shows(plain) == plain
    assert Form.JSON.shows('{"path": "/home/me"}') is None
    assert Form.JSON.shows('{"a": [{"https://x": 1}]}') is None
    assert Form.JSON.shows("[" * 100_000 + "]" * 100_000) is None
    assert Form.JSON.shows("{not json}") is None


def test_a_digest_tells_values_apart_and_shows_neither() -> None:
    assert digest("one") == digest("one") != digest("two")
    assert "one" not in digest("one")
