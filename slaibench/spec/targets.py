"""Which latencies are good enough, and by whose definitions."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import model_validator

from slaibench.spec.option import Option
from slaibench.spec.serving import Part

DEFAULT_SLO = "ttft_p50<0.5,ttft_p99<5,tbt_p99<tier"
PAPER_SLO = "ttft_p50<0.5,tbt_p99<tier"
"""The paper's targets, ``--slo paper``: a scheduler that starves long prompts may meet them."""


class Convention(StrEnum):
    """Whose definitions a study's numbers follow (MEASUREMENT rules, or the paper's code)."""

    STRICT = "strict"
    PAPER = "paper"


class TargetPart(Part):
    """Definitions and targets.

    Args:
        slo: the targets; ``paper``: the paper's. Not given: those of the convention.
        early_stop: whether saturated cells are cut short; None: by the convention.
    """

    convention: Annotated[Convention, Option("Definitions behind the numbers.")] = Convention.STRICT
    slo: Annotated[
        str,
        Option(
            f"Targets; paper: {PAPER_SLO}. Default: {DEFAULT_SLO}, or by the paper's conventions "
            "paper.",
            open=True,
        ),
    ] = DEFAULT_SLO
    early_stop: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _targets(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("slo") in (None, "paper"):
            paper = values.get("slo") or values.get("convention") == Convention.PAPER
            return {**values, "slo": PAPER_SLO if paper else DEFAULT_SLO}
        return values
