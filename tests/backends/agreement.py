"""The same requests in the simulator and in an engine on an emulated device."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from slaibench.backends.base import RunOutput, RunSettings
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.simulator.backend import Simulator
from slaibench.catalog.host import Between, Host
from slaibench.catalog.model import get_model
from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import get_profile
from slaibench.costmodel import CostModel
from slaibench.recording.record import StepTable
from slaibench.schedulers.base import Scheduler
from slaibench.workloads import registry as workload_registry
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.generate import generate
from slaibench.workloads.request import Request
from slaibench.workloads.tiers import parse_tiers

MODEL, GPU = "mistral-7b", "rtx4090"
PROFILE = replace(get_profile(GPU, MODEL), host=Host(Between(0.5, 0.02)))
"""It times unequal contexts, and each sequence between steps: whoever misreads the longest context
or the number of sequences is found out."""
KV_BLOCKS = 1500
"""So few that requests are preempted all the time."""
CONTEXT = 9216

SCHEDULERS = (
    "sarathi",
    "sarathi:order=spf",
    "slai",
    "slai:order=spf-priority,offset=fixed:3",
    "hrrn:max_started=1",
    "rad",
    "rad-batch-prefill:cycle=64,max_active=512",
    "orca",
    "prefill-first",
    "decode-first",
    "edf",
    "qoserve",
    "slos-serve",
    "vtc",
    "dlpm:quantum=500",
)


def engine_options(**others: Any) -> EngineOptions:
    """An engine with room for every scheduler of these tests.

    Args:
        **others: fields of ``EngineOptions`` besides; ``kv_blocks`` instead of ``KV_BLOCKS``.
    """
    given = {"token_budget": 8192, "max_active": 1000, "kv_blocks": KV_BLOCKS, **others}
    return EngineOptions(
        model=get_model(MODEL), checkpoint=None, max_context_tokens=CONTEXT, **given
    )


def simulator_of(profile: Profile, options: EngineOptions, cache_rules: str = "vllm") -> Simulator:
    """The simulator of an engine on an emulated device, whose prefix cache has its rules."""
    assert options.kv_blocks is not None
    return Simulator(
        CostModel(profile, asynchronous=options.asynchronous),
        total_blocks=options.kv_blocks,
        max_context_tokens=options.max_context_tokens,
        delivery_s=profile.delivery_ms * 1e-3,
        prefix_caching=options.prefix_caching,
        cache_rules=cache_rules,
        asynchronous=options.asynchronous,
        speculation=options.speculation,
    )


def requests(
    count: int = 120, arrivals: str = "poisson", seed: int = 0, rate_rps: float = 1.6
) -> list[Request]:
    """Some with targets of their own, of three tenants."""
    plain = generate(
        workload_registry.resolve("sharegpt4-model"),
        ArrivalProcess.parse(arrivals),
        parse_tiers("paying:0.05:0.1:1,free:0.7:0.5:8,batch:0.25:0.5"),
        rate_rps=rate_rps,
        num_requests=count,
        seed=seed,
    )
    tenants = ("", "acme", "globex")
    return [replace(it, tenant=tenants[it.request_id % 7 % 3]) for it in plain]


def simulate(
    scheduler: Scheduler, wanted: list[Request], settings: RunSettings, delivery_s: float = 0.0
) -> RunOutput:
    simulator = Simulator(
        CostModel(PROFILE),
        total_blocks=KV_BLOCKS,
        max_context_tokens=CONTEXT,
        delivery_s=delivery_s,
    )
    return simulator.run(wanted, scheduler, settings)


def assert_same(ours: RunOutput, theirs: RunOutput) -> None:
    for field in fields(ours.requests):
        a, b = getattr(ours.requests, field.name), getattr(theirs.requests, field.name)
        np.testing.assert_array_equal(a, b, err_msg=field.name)
    for field in fields(StepTable):
        a, b = getattr(ours.steps, field.name), getattr(theirs.steps, field.name)
        if field.name == "kv_blocks_used":
            # vLLM takes a prompt's blocks chunk by chunk, the simulator all at its admission.
            assert (b <= a).all()
        else:
            np.testing.assert_array_equal(a, b, err_msg=field.name)
    assert (ours.end_s, ours.stopped_early) == (theirs.end_s, theirs.stopped_early)
