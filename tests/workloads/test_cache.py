"""Where the cache folder is."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.workloads.cache import cache_dir


@pytest.mark.parametrize(
    ("own", "xdg", "expected"),
    [
        ("/a/b", "/x", Path("/a/b")),
        (None, "/x", Path("/x/slaibench")),
        (None, "relative", Path("/home/u/.cache/slaibench")),
        (None, None, Path("/home/u/.cache/slaibench")),
        ("", "", Path("/home/u/.cache/slaibench")),
        ("~/c", None, Path("/home/u/c")),
    ],
)
def test_cache_folder_follows_its_variables(monkeypatch, own, xdg, expected):
    monkeypatch.setenv("HOME", "/home/u")
    for name, value in (("SLAIBENCH_CACHE", own), ("XDG_CACHE_HOME", xdg)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert cache_dir() == expected
