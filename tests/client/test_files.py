"""The limit of open files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from slaibench.client.errors import ClientError
from slaibench.client.files import raise_limit

resource = pytest.importorskip("resource", reason="limits of open files are a Unix notion")


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_goes_up_to_the_hard_one(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    assert raise_limit(100) == limits[1]
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (limits[1], limits[1])


def test_too_many_connections_are_refused_with_the_way_out() -> None:
    """In a process of its own: a hard limit once lowered stays."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\n"
        "from slaibench.client.files import raise_limit\n"
        "raise_limit(36)\n"
        "raise_limit(37)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        f"{ClientError.__module__}.{ClientError.__name__}: 37 connections are needed at once"
    )
