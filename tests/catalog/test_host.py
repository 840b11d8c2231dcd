"""Host times: which holds of an engine, and what it changes of a profile."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from slaibench.catalog.fields import Fields
from slaibench.catalog.host import (
    Between,
    HostTime,
    host_document,
    host_time,
    host_times,
    is_asynchronous,
    with_host_times,
)
from slaibench.catalog.profile import parse_profile
from slaibench.catalog.profiles import shipped_values
from slaibench.costmodel import CostModel

SYNC = HostTime("vllm", False, "", 1.5, 0.05, 0.0, 60, 6)
AHEAD = HostTime("vllm", True, "", 0.25, 0.0, 15.0, 200, 20)
OWN = HostTime("vllm", True, "MiniMaxM2ForCausalLM", 1.75, 0.02, 30.0, 100, 10)
TIMES = (SYNC, AHEAD, OWN)


@pytest.mark.parametrize(
    ("engine", "release", "ahead"),
    [
        ("vllm", "0.13.0", False),
        ("vllm", "0.14.0", True),
        ("vllm", None, True),
        ("vllm", "nightly", True),
        ("sglang", "0.5.9", True),
    ],
)
def test_which_releases_decide_ahead(engine, release, ahead):
    assert is_asynchronous(engine, release) is ahead


def test_a_host_time_is_that_of_the_release_and_the_way_it_decides():
    assert host_time("vllm", "0.12.0", times=TIMES) is SYNC
    assert host_time("vllm", "0.19.0", times=TIMES) is AHEAD
    assert host_time("vllm", "0.12.0", asynchronous=True, times=TIMES) is AHEAD
    assert host_time("vllm", None, architecture=OWN.architecture, times=TIMES) is OWN
    assert host_time("vllm", None, architecture="LlamaForCausalLM", times=TIMES) is AHEAD
    assert host_time("sglang", "0.5.9", times=TIMES) is None


def test_a_host_time_holds_from_its_first_release_on():
    newer = replace(SYNC, since="0.14", source="steps of ours", step_ms=2.5)
    times = (newer, *TIMES)
    for release, expected in (("0.13.2", SYNC), ("0.14.0", newer), ("0.26.0", newer)):
        assert host_time("vllm", release, asynchronous=False, times=times) is expected
    for release in (None, "nightly"):  # the newest
        assert host_time("vllm", release, asynchronous=False, times=times) is newer
    # One of a model's own layers stands before one of a release.
    late = replace(AHEAD, since="0.20")
    chosen = host_time("vllm", "0.24.0", architecture=OWN.architecture, times=(late, *TIMES))
    assert chosen is OWN


def test_host_times_stand_beside_the_devices_by_the_way_an_engine_decides():
    values = shipped_values("rtx-pro-6000_llama-3.1-8b")
    profile = parse_profile(with_host_times(values, TIMES[:2]), "here")
    bare = parse_profile(values, "here")
    assert profile.linear == bare.linear
    assert profile.per_sequence == bare.per_sequence
    assert profile.fingerprint != bare.fingerprint
    for count in (1, 100):
        ways = [CostModel(profile, asynchronous=way).between_s(count) for way in (False, True)]
        assert ways == pytest.approx([1.5e-3 + 0.05e-3 * count, 0.25e-3])


def test_a_compiled_profile_is_of_its_release_where_nobody_says_how_it_decides():
    values = with_host_times(shipped_values("h100_mistral-7b"), TIMES[:2])
    for engine, step_ms in (("vllm 0.24.0, fp8", 0.25), ("vllm 0.12.0, tensor parallel 2", 1.5)):
        assert parse_profile(values | {"engine": engine}, "here").between().step_ms == step_ms
    # What was measured on a card was measured step by step.
    measured = parse_profile(values | {"status": "measured"}, "here")
    assert measured.between().step_ms == 1.5


def test_an_asynchronous_engine_hides_what_its_device_does_not_wait_for():
    values = shipped_values("h100_mistral-7b")
    both = parse_profile(with_host_times(values, TIMES[:2]), "here")
    assert both.hidden(asynchronous=True) == Between(1.25, 0.05)
    assert both.hidden(asynchronous=False) == Between(0.0)
    # Where only one of the two is known.
    one = parse_profile(with_host_times(values, [AHEAD]), "here")
    assert one.between(asynchronous=False) == one.between(asynchronous=True) == Between(0.25)
    assert one.hidden(asynchronous=True) == Between(0.0)
    older = parse_profile(shipped_values("rtx6000-ada_mistral-7b"), "here")
    assert older.between() == older.hidden(asynchronous=True) == Between(9.8)
    assert older.between(asynchronous=True) == older.hidden() == Between(0.0)


def test_no_host_times_change_nothing():
    values = shipped_values("rtx-pro-6000_llama-3.1-8b")
    assert with_host_times(values, []) == values


def test_the_time_on_the_way_of_a_first_token_is_its_deployments_unless_it_is_asked_for():
    values = shipped_values("rtx-pro-6000_llama-3.1-8b")
    assert with_host_times(values, [AHEAD]).get("delivery_ms") == values.get("delivery_ms")
    own = with_host_times(values, [AHEAD], deployment=True)
    assert own["delivery_ms"] == pytest.approx(values.get("delivery_ms", 0.0) + 15.0)
    assert "delivery_ms" in own


def test_a_document_is_read_as_it_was_written():
    times = (SYNC, replace(SYNC, since="0.14", source="steps of ours"), AHEAD, OWN)
    document = json.loads(host_document(reversed(times), "here"))
    entries = Fields(document, "here").objects("times")
    assert tuple(HostTime.parse(entry) for entry in entries) == times
    assert document["times"][0].keys() | {"since", "source"} == document["times"][1].keys()


def test_those_that_ship_are_of_both_engines_and_never_negative():
    assert {time.engine for time in host_times()} == {"vllm", "sglang"}
    assert all(time.step_ms >= 0 and time.sequence_ms >= 0 for time in host_times())
    assert len({time.place for time in host_times()}) == len(host_times())
    sources = {time.since: time.source for time in host_times() if not time.asynchronous}
    assert set(sources) == {"", "0.14"}
    assert "calibration of vllm 0.26.0 on NVIDIA H200" in sources["0.14"]
