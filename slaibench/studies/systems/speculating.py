"""Speculative decoding as a study asks for it: with what it goes, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slaibench.backends.speculation import Speculation
from slaibench.spec import Clock, Device, StudySpec


def speculation_of(spec: StudySpec, block_size: int) -> Speculation | None:
    """What decodes draft; None: nothing.

    Args:
        block_size: tokens in a KV block.

    Raises:
        ValueError: more than schedulers can count.
    """
    if spec.speculative_tokens is None or spec.acceptance_rate is None:
        return None
    speculation = Speculation(spec.speculative_tokens, spec.acceptance_rate)
    speculation.check_block(block_size)
    return speculation


def check_speculation(spec: StudySpec) -> None:
    """Refuse what speculative decoding does not go with, if there is any.

    Raises:
        ValueError: with the option that is in the way.
    """
    if spec.speculative_tokens is None:
        return
    given = f"--speculative-tokens {spec.speculative_tokens}"
    if spec.async_scheduling:
        raise ValueError(
            f"{given}: how many tokens a batch yields is not known before it is done, so none can "
            "be decided while it runs: leave --async-scheduling out"
        )
    if spec.device not in (None, Device.EMULATED) or spec.clock is Clock.REAL:
        raise ValueError(
            f"{given} and --acceptance-rate say what decodes come to where nothing is computed, in "
            "virtual time: leave them out, or give --device emulated without --clock real"
        )


def speculation_facts(speculation: Speculation | None) -> dict[str, Any]:
    """Its part of a cell; nothing where nothing is drafted."""
    if speculation is None:
        return {}
    return {
        "speculative_tokens": speculation.draft_tokens,
        "acceptance_rate": speculation.acceptance_rate,
    }


def speculation_words(cell: Mapping[str, Any]) -> str:
    """What a cell's decodes drafted, for a reader; empty: nothing."""
    tokens = cell.get("speculative_tokens")
    if tokens is None:
        return ""
    plural = "s" if tokens > 1 else ""
    return (
        f", drafting {tokens} token{plural} a decode of which each is accepted with probability "
        f"{cell['acceptance_rate']:g}"
    )
