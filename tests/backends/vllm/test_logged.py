"""A server in which a class of somebody's decides, and nothing of ours is but a log."""

from __future__ import annotations

from pathlib import Path

from slaibench.backends.base import RunSettings
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.engines.served import ServedEngine
from slaibench.catalog.model import get_model
from slaibench.catalog.profiles import get_profile
from slaibench.recording.invariants import violation
from slaibench.schedulers import registry
from slaibench.spec import Device
from slaibench.studies.systems.engines import VllmSystem
from slaibench.workloads.request import Request
from tests.backends.needed import needed

TEXT = f"{Path(__file__).with_name('own_classes.py')}:Remembers:max_active=4"


def test_a_class_serves_over_http_and_its_steps_are_on_record(tmp_path: Path) -> None:
    needed(VllmSystem.ENGINE, Device.EMULATED)
    options = EngineOptions(
        model=get_model("mistral-7b"),
        checkpoint=None,
        max_context_tokens=1024,
        token_budget=512,
        max_active=128,
        kv_blocks=64,
        asynchronous=True,
    )
    wanted = [Request(number, 0.03 * number, 100 + 7 * number, 30) for number in range(15)]
    served = ServedEngine(
        VllmSystem.ENGINE,
        options,
        Device.EMULATED,
        profile=get_profile("h100", "mistral-7b"),
        logs=tmp_path,
    )
    try:
        outputs = [
            served.run(wanted, registry.build(TEXT), RunSettings(scheduler=TEXT)) for _ in range(2)
        ]
        server = served.running(TEXT)
        assert server is served._running, "one server for both runs"
    finally:
        served.close()
    for output in outputs:
        table, steps = output.requests, output.steps
        assert table.finished.all(), table.error
        assert violation(table, steps, len(wanted)) is None
        assert output.invalid is None
        assert steps.active.max() == 4
        recomputed = int(steps.prefill_tokens.sum() - table.prompt_tokens.sum())
        assert (recomputed > 0) == bool(table.num_preemptions.sum())
        assert "max_active=4 (stock 1,024)" in output.notes[-1]
