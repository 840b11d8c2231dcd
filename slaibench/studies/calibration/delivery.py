"""The way of a request to the engine and of its tokens back, as a client sees it."""

from __future__ import annotations

import numpy as np

from slaibench.backends.base import RunOutput
from slaibench.recording.record import FloatArray
from slaibench.workloads.request import Request

COUNT = 16
GAP_S = 0.25
LIGHT_S = COUNT * GAP_S
OUTPUT_TOKENS = 2


def light_load(prompt_tokens: int) -> list[Request]:
    """Requests far apart: each finds an engine that has nothing else to do."""
    return [
        Request(number, GAP_S * number, prompt_tokens, OUTPUT_TOKENS) for number in range(COUNT)
    ]


def delivery_s(output: RunOutput) -> FloatArray:
    """Of each request that was alone, and done with its prompt in one step: from its due time to
    its first token, less that step.

    From the step's start to the next one's, since that is how long a simulated step lasts: what
    the engine does after it has told the token is not waited for by whoever reads it. Where the
    simulated step is longer than the real wait, the sum may be negative.
    """
    requests, steps = output.requests, output.steps
    found = []
    for number in range(len(requests)):
        begin_s = requests.first_scheduled_s[number]
        at = int(np.searchsorted(steps.start_s, begin_s - 1e-6))
        if np.isnan(begin_s) or at + 1 >= len(steps):
            continue
        alone = steps.prefill_tokens[at] == requests.prompt_tokens[number]
        if alone and steps.decodes[at] == 0 and steps.decodes[at + 1] == 1:
            step_s = steps.start_s[at + 1] - steps.start_s[at]
            found.append(float(requests.ttft_s[number] - step_s))
    return np.array(found, dtype=np.float64)
