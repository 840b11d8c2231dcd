"""Recordings of ours as runs to be replayed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.studies.systems.profiled import profile_of
from slaibench.studies.validation.recorded import observed_run
from slaibench.studies.validation.validation_run import validate_run
from tests.studies.studies import loaded, study, sweep


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    spec = study(schedulers=("slai:offset=fixed:5",), kv_blocks=300, rates=(15.0,))
    (cell,) = loaded(sweep(spec, tmp_path_factory.mktemp("results"), jobs=1).cells)
    return store.read(cell.folder)


def test_a_recording_of_the_simulators_is_replayed_token_by_token(recording: Recording) -> None:
    run = observed_run(recording, "mine")
    validated = validate_run(run, profile_of(study()))
    assert validated.scheduler == "slai:offset=fixed:5"
    assert set(validated.errors) == {"ttft", "tpot", "e2e", "tbt"}
    for errors in validated.errors.values():
        assert errors.ks == errors.spread == 0
        assert all(statistic.change == 0 for statistic in errors.statistics.values())


def test_times_of_a_profile_are_not_a_measurement(recording: Recording) -> None:
    run = observed_run(recording, "mine")
    assert not run.measured
    assert "says nothing of how true a profile is" in run.notes[0]
    assert run.settings.kv_blocks == 300
    assert run.settings.asynchronous, "as the engine does that its profile is of"


@pytest.mark.parametrize("field", ["kv_blocks", "block_size"])
def test_without_the_size_of_the_cache_nothing_is_replayed(
    recording: Recording, field: str
) -> None:
    lacking = replace(recording, run={**recording.run, field: None})
    with pytest.raises(ValueError, match=r"mine does not say how many KV blocks.*--backend vllm"):
        observed_run(lacking, "mine")


def test_the_engines_own_rule_has_no_scheduler_of_ours(recording: Recording) -> None:
    spec = {**recording.run["spec"], "scheduler": "engine"}
    run = observed_run(replace(recording, run={**recording.run, "spec": spec}), "mine")
    assert run.settings.scheduler is None


def test_a_run_that_drafted_tokens_is_not_replayed(recording: Recording) -> None:
    spec = {**recording.run["spec"], "speculative_tokens": 3, "acceptance_rate": 0.6}
    drafting = replace(recording, run={**recording.run, "spec": spec})
    with pytest.raises(ValueError, match=r"mine has decodes of several tokens.*--between sim,vllm"):
        observed_run(drafting, "mine")
