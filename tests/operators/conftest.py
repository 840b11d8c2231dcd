"""What tests of operators share: the library, and a cache of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.operators.aiconfigurator import PACKAGE


@pytest.fixture
def library() -> None:
    """Skips where the library of operators is not installed."""
    pytest.importorskip(PACKAGE.replace("-", "_"), reason="needs the extra 'profiles'")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SLAIBENCH_CACHE", str(folder))
    return folder
