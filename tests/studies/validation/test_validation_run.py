"""The simulator against runs of an engine that is known exactly, and against a real one's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slaibench.backends.base import BackendError
from slaibench.catalog import get_profile
from slaibench.catalog.validations import validations_of
from slaibench.studies.validation.log import LogFile
from slaibench.studies.validation.observed import ObservedRun
from slaibench.studies.validation.validation_run import ValidationRun, replay, validate_run
from tests.studies.validation.logs import KV_BLOCKS, PROFILE, write_log

REAL = "rtx4090_llama-3.1-8b_vllm-0.19"


def changes(validated: ValidationRun, metric: str) -> dict[str, float]:
    statistics = validated.errors[metric].statistics
    return {name: statistic.change for name, statistic in statistics.items()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ObservedRun:
    return LogFile(write_log(tmp_path_factory.mktemp("log"))).read()


def test_the_engine_that_wrote_the_log_has_no_error(run: ObservedRun) -> None:
    validated = validate_run(run, PROFILE)
    assert validated.num_scored == len(run.requests) == 120
    for metric in ("ttft", "tpot", "e2e"):
        for change in changes(validated, metric).values():
            assert change == pytest.approx(0, abs=1e-4)  # whole microseconds
    assert validated.overall.grade == "A"
    assert any("were preempted" in note for note in validated.notes)


def test_a_step_that_takes_longer_is_found_from_the_other_half(tmp_path: Path) -> None:
    slower = LogFile(write_log(tmp_path, overhead_ms=4.0)).read()
    plain = validate_run(slower, PROFILE)
    assert changes(plain, "tpot")["mean"] < -0.05
    assert plain.overall.grade in "CD"
    fitted = validate_run(slower, PROFILE, fit=True)
    assert fitted.fit is not None
    # Whom a preemption hits changes with the overhead, so that the bias jumps about its root.
    assert fitted.step_overhead_ms == pytest.approx(4.0, abs=0.05)
    assert (fitted.fit.num_requests, fitted.num_scored) == (60, 60)
    assert abs(changes(fitted, "tpot")["mean"]) < 0.002
    assert fitted.overall.grade == "A"


@pytest.mark.parametrize("what", ["asynchronous", "prefix_caching"])
def test_how_the_engine_works_matters(run: ObservedRun, what: str) -> None:
    other = replace(run, settings=replace(run.settings, **{what: False}))
    assert (
        max(abs(change) for change in changes(validate_run(other, PROFILE), "ttft").values()) > 1e-3
    )


def test_ranges_hold_the_change_itself(run: ObservedRun) -> None:
    validated = validate_run(run, PROFILE)
    for metric in validated.errors:
        for name, change in changes(validated, metric).items():
            low, high = validated.ranges[metric][name]
            assert low <= change <= high
    # A cache that is half a per cent larger or smaller preempts others.
    assert validated.ranges["ttft"]["mean"][0] < validated.ranges["ttft"]["mean"][1]


def test_who_was_not_served_is_replayed_and_not_scored(run: ObservedRun) -> None:
    last_token_s = run.last_token_s.copy()
    last_token_s[[3, 7]] = np.nan
    first_token_s = np.where(np.isnan(last_token_s), np.nan, run.first_token_s)
    partly = replace(run, first_token_s=first_token_s, last_token_s=last_token_s)
    validated = validate_run(partly, PROFILE)
    assert validated.num_scored == 118
    assert any(note.startswith("2 requests were not served") for note in validated.notes)
    assert changes(validated, "ttft")["mean"] == pytest.approx(0, abs=1e-4)


def test_a_cache_in_which_nothing_fits_is_an_error(run: ObservedRun) -> None:
    tiny = replace(run, settings=replace(run.settings, kv_blocks=1))
    with pytest.raises(BackendError, match=r"served none of the requests.*KV blocks"):
        validate_run(tiny, PROFILE)


def test_without_a_scheduler_nothing_is_replayed(run: ObservedRun) -> None:
    unknown = replace(run, settings=replace(run.settings, scheduler=None))
    with pytest.raises(ValueError, match="no scheduler stands for that of vLLM"):
        validate_run(unknown, PROFILE)


def test_what_is_kept_is_what_was_found(run: ObservedRun) -> None:
    validated = validate_run(run, PROFILE, "sarathi:token_budget=512")
    kept = validated.validation("a test")
    assert kept.fingerprint == PROFILE.fingerprint
    assert kept.scheduler == "sarathi:token_budget=512"
    assert (kept.num_requests, kept.fitted, kept.source) == (120, False, "a test")
    assert kept.errors["ttft_p50"] == pytest.approx(changes(validated, "ttft")["p50"], abs=1e-5)
    assert kept.grades["all"] == validated.overall.grade
    document = validated.to_json()
    assert (
        document["metrics"]["ttft"]["statistics"]["p50"]["change"]
        == changes(validated, "ttft")["p50"]
    )
    assert document["engine"]["kv_blocks"] == KV_BLOCKS


# --- the real one -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(data_dir: Path) -> ObservedRun:
    path = data_dir / "logs" / REAL / "requests.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return LogFile(path).read()


def test_a_real_engines_run_is_within_what_is_claimed(real: ObservedRun) -> None:
    """One number fitted to every second request at most; the others scored."""
    profile = get_profile("rtx4090", "llama-3.1-8b")
    for fit in (False, True):
        validated = validate_run(real, profile, fit=fit)
        ttft, tpot, e2e = (changes(validated, name) for name in ("ttft", "tpot", "e2e"))
        assert abs(ttft["mean"]) < 0.07
        assert abs(ttft["p50"]) < 0.05
        assert abs(ttft["p99"]) < 0.07
        assert abs(tpot["mean"]) < 0.045
        assert abs(e2e["mean"]) < 0.06
        assert validated.num_scored == (150 if fit else 300)


def test_what_ships_is_what_the_command_finds(real: ObservedRun) -> None:
    profile = get_profile("rtx4090", "llama-3.1-8b")
    (shipped,) = (kept for kept in validations_of(profile) if REAL in kept.against)
    validation = validate_run(real, profile).validation(shipped.source)
    assert dict(validation.errors) == pytest.approx(dict(shipped.errors), abs=1e-4)
    assert replace(validation, errors=shipped.errors) == shipped


def test_what_its_engine_does_is_needed_for_that(real: ObservedRun) -> None:
    """Without the prefix cache, preempted requests compute too much again."""
    profile = get_profile("rtx4090", "llama-3.1-8b")
    off = replace(real, settings=replace(real.settings, prefix_caching=False))
    assert changes(validate_run(off, profile), "tpot")["mean"] > 0.03
    assert replay(off, profile, "sarathi").requests.finished.all()
