"""The simulator's runs and SGLang's, request by request and step by step: prints preemptions, JSON.

usage: python -m tests.backends.sglang.agree [SCHEDULER ...]

A program, since SGLang may live in an interpreter of its own. Fails where they differ.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from schedulers import registry
from slaibench.backends.base import RunSettings
from slaibench.backends.sglang.emulated import EmulatedSglang
from slaibench.backends.sglang.options import SglangOptions
from slaibench.catalog.model import get_model
from slaibench.catalog.profiles import get_profile
from tests.backends.agreement import (
    CONTEXT,
    GPU,
    KV_BLOCKS,
    MODEL,
    SCHEDULERS,
    assert_same,
    requests,
    simulate,
)


def main(schedulers: Sequence[str]) -> None:
    options = SglangOptions(
        model=get_model(MODEL),
        folder=None,
        dummy_weights=True,
        max_context_tokens=CONTEXT,
        token_budget=8192,
        max_active=1000,
        kv_blocks=KV_BLOCKS,
    )
    backend = EmulatedSglang(options, get_profile(GPU, MODEL))
    wanted, settings = requests(), RunSettings()
    preemptions = {}
    for text in schedulers:
        ours = simulate(registry.build(text), wanted, settings)
        theirs = backend.run(wanted, registry.build(text), settings)
        assert_same(ours, theirs)
        preemptions[text] = int(theirs.requests.num_preemptions.sum())
    json.dump(preemptions, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:] or SCHEDULERS)
