"""What the paper puts into its experiment, read off what was really run: lengths, gaps, memory."""

from __future__ import annotations

import numpy as np

from slaibench.measure.audit import ArrivalAudit
from slaibench.recording.record import Recording

GIVEN = {
    "prompt-p50": "prompt of a request, median",
    "prompt-mean": "prompt of a request, mean",
    "prompt-p90": "prompt of a request, P90",
    "output-p50": "output of a request, median",
    "output-mean": "output of a request, mean",
    "output-p90": "output of a request, P90",
    "kv-blocks": "KV blocks of the GPU",
    "rate-over-nominal": "the true rate of gaps cut at three means, over the nominal one",
    "gap-cv": "coefficient of variation of such gaps",
}
"""By name of the published value: what it is."""
EXACT = frozenset({"kv-blocks"})
"""The same in every run."""
OF_CUT_GAPS = frozenset({"rate-over-nominal", "gap-cv"})
"""What only the paper's conventions do: strict ones do not cut."""


def measured(recording: Recording, audit: ArrivalAudit) -> dict[str, float | None]:
    """The values of ``GIVEN`` in one run, over all requests that it was to serve; None where there
    is nothing to tell from."""
    found: dict[str, float | None] = dict.fromkeys(GIVEN)
    found["kv-blocks"] = recording.run["kv_blocks"]
    requests = recording.requests
    if not len(requests):
        return found
    for name, tokens in (("prompt", requests.prompt_tokens), ("output", requests.output_tokens)):
        p50, p90 = np.quantile(tokens, (0.5, 0.9))
        found |= {
            f"{name}-p50": float(p50),
            f"{name}-mean": float(tokens.mean()),
            f"{name}-p90": float(p90),
        }
    rate, nominal = audit.measured_rps, audit.declared_rps
    found["rate-over-nominal"] = rate / nominal if rate is not None and nominal else None
    found["gap-cv"] = audit.gap_cv
    return found
