from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            # Engines and what they import warn of things that are not ours to mend.
            item.add_marker(pytest.mark.filterwarnings("ignore"))
