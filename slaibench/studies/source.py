"""Where the requests of a study come from."""

from __future__ import annotations

import math

from slaibench.endpoint.prompt_kind import PromptKind
from slaibench.spec import StudySpec
from slaibench.workloads import registry
from slaibench.workloads.lengths import LengthSource, RecordedSource
from slaibench.workloads.shared_prefix import with_shared_prefix

ROOM = 1.05
"""Room for requests longer than those of the sample that describes a workload."""
ROUND_TOKENS = 256


def with_source(spec: StudySpec) -> tuple[StudySpec, LengthSource]:
    """The source of a study's requests, and its specification with the source's name.

    Raises:
        ValueError: there is no such workload, or it has not what the study needs of it.
    """
    if spec.prompts == PromptKind.CONVERSATION:
        if spec.shared_prefix is not None:
            raise ValueError(
                "--shared-prefix adds tokens to prompts, and --prompts conversation sends what was "
                "really said: leave one of them out"
            )
        return spec, registry.resolve_with_transcripts(spec.workload or "sharegpt4")
    source = registry.resolve(spec.workload) if spec.workload else registry.default_workload()
    if spec.shared_prefix is not None:
        source = with_shared_prefix(source, spec.shared_prefix)
        spec = spec.model_copy(update={"workload": source.name, "shared_prefix": None})
    return spec, source


def with_room(source: LengthSource, longest: int) -> int:
    """Tokens that hold every request of a workload whose longest described one has ``longest``:
    where lengths are drawn at random, a run may have a longer one."""
    if isinstance(source, RecordedSource):
        return longest
    return -(-math.ceil(ROOM * longest) // ROUND_TOKENS) * ROUND_TOKENS
