"""``slaibench env`` is one JSON document, and says what could not be read."""

from __future__ import annotations

import json

from slaibench.version import __version__
from tests.cli.command import slaibench


def test_it_is_one_document() -> None:
    ran = slaibench("env")
    assert (ran.status, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert found["slaibench"]["version"] == __version__
    assert set(found) == {
        *("slaibench", "system", "cpu", "memory", "gpus", "cuda"),
        *("versions", "sglang", "variables", "unknown"),
    }


def test_what_is_unknown_is_listed_with_its_reason() -> None:
    unknown = json.loads(slaibench("env").out)["unknown"]
    lines = slaibench("env", "--unknown", columns=400).out.splitlines()
    assert [line.partition(":")[0] for line in lines] == list(unknown)
