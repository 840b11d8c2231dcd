"""Where a run left what its profile was measured for."""

from __future__ import annotations

from slaibench.backends.base import RunOutput
from slaibench.catalog.profile import Profile
from slaibench.costmodel import Excess


def excesses_of_run(profile: Profile, output: RunOutput) -> tuple[Excess, ...]:
    """The largest batch, the most decodes and the longest context of a run, where they lie beyond
    the profile's regime: those times were extrapolated. Empty: all lay inside."""
    steps, requests, regime = output.steps, output.requests, profile.regime
    if not len(steps):
        return ()
    mixed = steps.prefill_tokens > 0
    longest = requests.prompt_tokens + requests.num_tokens
    found = (
        Excess("tokens in a batch", int(steps.tokens.max()), regime.batch_tokens),
        Excess(
            "decodes beside a prefill",
            int(steps.decodes[mixed].max(initial=0)),
            regime.mixed_decodes,
        ),
        Excess("decodes in a batch", int(steps.decodes[~mixed].max(initial=0)), regime.decodes),
        Excess("context of a request", int(longest.max(initial=0)), regime.context_tokens),
    )
    return tuple(each for each in found if each.value > each.measured)
