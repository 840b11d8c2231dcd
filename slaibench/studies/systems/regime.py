"""Where a run left what its profile was measured for."""

from __future__ import annotations

from slaibench.backends.base import RunOutput
from slaibench.backends.speculation import Speculation
from slaibench.catalog.profile import Profile
from slaibench.costmodel.cost_model import Excess


def excesses_of_run(
    profile: Profile, output: RunOutput, speculation: Speculation | None = None
) -> tuple[Excess, ...]:
    """The largest batch, the most decodes and the longest context of a run, where they lie beyond
    the profile's regime: those times were extrapolated. Empty: all lay inside.

    Args:
        speculation: what its decodes drafted.
    """
    steps, requests, regime = output.steps, output.requests, profile.regime
    if not len(steps):
        return ()
    mixed = steps.prefill_tokens > 0
    drafts = 0 if speculation is None else speculation.draft_tokens
    tokens = steps.tokens + drafts * steps.decodes
    contexts = requests.prompt_tokens + requests.num_tokens
    extremes = (
        Excess("tokens in a batch", int(tokens.max()), regime.batch_tokens),
        Excess(
            "decodes beside a prefill",
            int(steps.decodes[mixed].max(initial=0)),
            regime.mixed_decodes,
        ),
        Excess("decodes in a batch", int(steps.decodes[~mixed].max(initial=0)), regime.decodes),
        Excess("context of a request", int(contexts.max(initial=0)), regime.context_tokens),
    )
    return tuple(excess for excess in extremes if excess.value > excess.measured)


def regime_notes(
    profile: Profile, output: RunOutput, speculation: Speculation | None = None
) -> list[str]:
    """Where a run left what its profile was measured for. Arguments as ``excesses_of_run``."""
    excesses = excesses_of_run(profile, output, speculation)
    return [f"outside the profile's regime: {excess}" for excess in excesses]
