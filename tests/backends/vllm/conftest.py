from __future__ import annotations

from pathlib import Path

import pytest

from tests.schedulers.engines.conftest import make_core

__all__ = ["make_core"]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            # vLLM and what it imports warn of things that are not ours to mend.
            item.add_marker(pytest.mark.filterwarnings("ignore"))
