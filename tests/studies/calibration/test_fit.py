from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from slaibench.recording.record import FloatArray
from slaibench.studies.calibration.design import ProbeScope, phases
from slaibench.studies.calibration.fit import Fit, FitError, fit, tokens_of
from slaibench.studies.calibration.probe_plan import ProbeStep

TERMS = {
    "decode_launch": 2e-3,
    "decode_token": 3e-7,
    "prefill_launch": 1e-3,
    "across": 2e-9,
    "own": 1e-9,
    "mixed_token": 6e-7,
    "sequence": 1e-4,
}


def steps() -> list[ProbeStep]:
    """A batch of every cell of a design; decodes at contexts of their own."""
    random = np.random.default_rng(1)
    drawn = []
    for number, phase in enumerate(phases(ProbeScope(256, 32, 2048, 200_000))):
        for cell in phase.cells:
            context = cell.decodes * int(random.integers(50, 200 + 600 * number))
            drawn.append(ProbeStep(0, cell.decodes, context, cell.chunks, 0.0, 0.0, None))
    return drawn


def linear_s(tokens: int) -> float:
    """Tiles of 64."""
    return 0.004 * -(-tokens // 64)


def true_s(step: ProbeStep) -> float:
    t = TERMS
    time = linear_s(tokens_of(step)) + t["sequence"] * (step.decodes + len(step.chunks))
    if not step.chunks:
        return time + t["decode_launch"] + t["decode_token"] * step.context_tokens
    across = sum(tokens * history for tokens, history in step.chunks)
    own = sum(tokens * tokens for tokens, _ in step.chunks)
    time += t["prefill_launch"] + t["across"] * across + t["own"] * own
    return time + t["mixed_token"] * step.context_tokens


def times(of: list[ProbeStep]) -> FloatArray:
    return np.array([true_s(step) for step in of])


def check(fitted: Fit, rel: float) -> None:
    """The terms that one can tell apart: those that go with contexts, histories and tiles."""
    assert (fitted.decodes, fitted.contexts) == ((1,), (1,))
    assert fitted.decode_token_s == (pytest.approx(TERMS["decode_token"], rel=rel),)
    assert fitted.mixed_token_s == (pytest.approx(TERMS["mixed_token"], rel=rel),)
    assert fitted.across_s == pytest.approx(TERMS["across"], rel=rel)
    at = dict(zip(fitted.tokens, fitted.linear_s, strict=True))
    assert at[129] - at[128] == pytest.approx(0.004, rel=2 * rel)


def test_the_terms_are_recovered() -> None:
    of = steps()
    fitted = fit(of, times(of))
    assert fitted.wave == 1
    check(fitted, rel=0.02)


def test_noise_and_a_disturbed_machine_hardly_move_them() -> None:
    of = steps()
    random = np.random.default_rng(2)
    noisy = times(of) * random.lognormal(0.0, 0.02, len(of))
    disturbed = random.random(len(of)) < 0.1
    check(fit(of, np.where(disturbed, 3.0 * noisy, noisy)), rel=0.12)


def test_times_may_be_in_any_scale() -> None:
    of = steps()
    single, thousand = fit(of, times(of)), fit(of, 1000 * times(of))
    assert thousand.decode_token_s == pytest.approx([1000 * single.decode_token_s[0]], rel=1e-3)


def test_a_dip_of_the_staircase_is_found_where_there_is_one() -> None:
    """On an H100, 136 tokens take longer than 160: another kernel takes over."""
    of = steps()
    dip = np.array([0.006 if 128 < tokens_of(step) <= 160 else 0.0 for step in of])
    fitted = fit(of, times(of) + dip)
    at = dict(zip(fitted.tokens, fitted.linear_s, strict=True))
    assert at[129] > at[192] + 0.001
    # Where there is none, none is made up out of noise.
    noise = np.random.default_rng(3).lognormal(0.0, 0.03, len(of))
    flat = fit(of, times(of) * noise)
    assert list(flat.linear_s) == sorted(flat.linear_s)


def test_waves_of_a_kernel_are_found() -> None:
    of = steps()

    def extra(step: ProbeStep) -> float:
        pairs = sum(tokens * history for tokens, history in step.chunks)
        if not pairs:
            return 0.0
        ((tokens, history),) = step.chunks
        return 2e-8 * history * (-(-tokens // 128) * 128 - tokens)

    assert fit(of, times(of) + np.array([extra(step) for step in of])).wave > 1


def test_decodes_that_a_kernel_spreads_badly_are_found() -> None:
    """A few decodes leave most of a GPU idle: each KV token costs more."""
    of = steps()
    more_s = np.array([20e-7, 8e-7, 2e-7, 0.0])
    decodes = (1, 4, 16, 30)
    extra = [step.context_tokens * np.interp(step.decodes, decodes, more_s) for step in of]
    fitted = fit(of, times(of) + np.array(extra))
    assert fitted.decodes == decodes
    assert len(fitted.contexts) == 3
    long = slice(2, None, 3)  # what a token costs at the longest contexts
    for name, token_s in (
        ("decode_token", fitted.decode_token_s[long]),
        ("mixed_token", fitted.mixed_token_s[long]),
    ):
        assert token_s == pytest.approx(more_s + TERMS[name], rel=0.1), name


@pytest.mark.parametrize("kind", ["decodes only", "chunks only", "chunks beside decodes"])
def test_without_a_kind_of_batch_there_is_no_profile(kind: str) -> None:
    def of_kind(step: ProbeStep) -> str:
        if not step.chunks:
            return "decodes only"
        return "chunks beside decodes" if step.decodes else "chunks only"

    of = [step for step in steps() if of_kind(step) != kind]
    with pytest.raises(FitError, match=f"no batch of {kind}.*--minutes"):
        fit(of, times(of))


def test_a_batch_is_as_many_tokens_as_it_computes() -> None:
    assert tokens_of(replace(steps()[0], decodes=3, chunks=((5, 2), (7, 0)))) == 15
