"""What a rate comes to by its targets: met, not met, or not told."""

from __future__ import annotations

import pytest

from slaibench.measure.capacity import SloLevel
from slaibench.studies.targets import (
    FAILS,
    HOLDS,
    NOT_KNOWN,
    NOT_MEASURED,
    STEADY,
    State,
    Verdict,
)


@pytest.mark.parametrize(
    ("level", "steady", "state", "why"),
    [
        (SloLevel(-0.5, -0.6, -0.4), HOLDS, State.MET, ""),
        (SloLevel(-0.5, -0.6, 0.1), HOLDS, State.CANNOT_TELL, "ttft_p99<5"),
        (SloLevel(0.1, -0.1, 0.3), HOLDS, State.CANNOT_TELL, "ttft_p99<5"),
        (SloLevel(0.2, 0.1, 0.3), HOLDS, State.NOT_MET, "ttft_p99<5"),
        (SloLevel(-0.5, -0.6, -0.4), NOT_KNOWN, State.CANNOT_TELL, "it may be saturated"),
        (SloLevel(-0.5, -0.6, -0.4), FAILS, State.NOT_MET, "it is saturated"),
        (NOT_MEASURED, HOLDS, State.CANNOT_TELL, "ttft_p99<5"),
    ],
)
def test_a_verdict_is_met_only_where_every_interval_lies_within(
    level: SloLevel, steady: SloLevel, state: State, why: str
) -> None:
    verdict = Verdict.of({("ttft_p99<5", None): level, (STEADY, None): steady})
    assert (verdict.state, verdict.why) == (state, why)
