"""Hashes move with what happened, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.studies.prepared import prepare
from slaibench.studies.regression.metrics import defaults
from slaibench.studies.regression.replicate import Reader, content_hash, load_hash
from tests.studies.studies import study


@pytest.fixture(scope="module")
def recording() -> Recording:
    with prepare(study(schedulers=("sarathi",))) as prepared:
        return prepared.run(prepared.cells()[0])


def read(recording: Recording, cut_s: float | None = None) -> dict[str, float | None]:
    cuts = {} if cut_s is None else {("sarathi", 5.0, 0): cut_s}
    replicate = Reader("strict", defaults(), cuts)(recording)
    return {name: value.value for name, value in replicate.values.items()}


def test_content_is_the_same_on_disk_and_in_memory(recording: Recording, tmp_path: Path) -> None:
    store.write(recording, tmp_path / "cell")
    assert content_hash(store.read(tmp_path / "cell")) == content_hash(recording)


def test_one_token_a_microsecond_later_is_other_content(recording: Recording) -> None:
    times = recording.requests.token_times_s.copy()
    times[7] += 1e-6
    moved = replace(recording, requests=replace(recording.requests, token_times_s=times))
    assert content_hash(moved) != content_hash(recording)


def test_one_step_with_another_decode_is_other_content(recording: Recording) -> None:
    decodes = recording.steps.decodes.copy()
    decodes[3] += 1
    moved = replace(recording, steps=replace(recording.steps, decodes=decodes))
    assert content_hash(moved) != content_hash(recording)


def test_code_and_versions_are_no_content(recording: Recording) -> None:
    run = {**recording.run, "versions": {"slaibench": "9"}, "spec": {"scheduler_source": "other"}}
    assert content_hash(replace(recording, run=run)) == content_hash(recording)


def test_the_last_digit_of_a_double_is_no_content(recording: Recording) -> None:
    due = np.nextafter(recording.requests.due_s, 1e9)
    moved = replace(recording, requests=replace(recording.requests, due_s=due))
    assert content_hash(moved) == content_hash(recording)


def test_load_is_what_was_sent_and_not_what_came(recording: Recording) -> None:
    spec, requests = recording.run["spec"], recording.requests
    late = replace(requests, token_times_s=requests.token_times_s + 1.0)
    assert load_hash(spec, late) == load_hash(spec, requests)
    longer = replace(requests, prompt_tokens=requests.prompt_tokens + 1)
    assert load_hash(spec, longer) != load_hash(spec, requests)
    assert load_hash({**spec, "seed": 1}, requests) != load_hash(spec, requests)
    assert load_hash({**spec, "scheduler_source": "x"}, requests) == load_hash(spec, requests)


def test_a_given_warm_up_cut_decides_which_requests_are_measured(recording: Recording) -> None:
    early, late = read(recording, 0.0), read(recording, 6.0)
    ttft = recording.requests.ttft_s
    after = recording.requests.due_s >= 6.0
    assert early["ttft_p50_s"] == pytest.approx(float(np.median(ttft)))
    assert late["ttft_p50_s"] == pytest.approx(float(np.median(ttft[after])))


def test_percentiles_of_a_short_run_are_there_with_their_sample(recording: Recording) -> None:
    """Whether they are enough is decided over all replicates."""
    p99 = Reader("strict", ("ttft_p99_s",), {})(recording).values["ttft_p99_s"]
    assert p99.n < 100
    assert p99.value is not None
    assert p99.value == pytest.approx(float(np.quantile(recording.requests.ttft_s[-p99.n :], 0.99)))


def test_every_tier_has_a_tbt_of_its_own(recording: Recording) -> None:
    of_tbt = {name for name in read(recording) if name.startswith("tbt")}
    assert of_tbt == {f"tbt_p99_s@{tier}" for tier in recording.requests.tier.tolist()}
