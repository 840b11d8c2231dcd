"""Requests of a run: common random numbers, recorded order, caps, fingerprints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slaibench.workloads.arrivals import ArrivalProcess, due_times
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.generate import fingerprint, generate, prompt_token_ids
from slaibench.workloads.lengths import Lengths, UniformLengths
from slaibench.workloads.sharegpt4_model import load_sharegpt4_model
from slaibench.workloads.table import TableSource
from slaibench.workloads.tiers import DEFAULT_TIERS, assign, parse_tiers

POISSON = ArrivalProcess.parse("poisson")
UNIFORM = UniformLengths((1, 2048), (1, 512))
INDEX = np.arange(1, 11)
RECORDED = TableSource("t", "", Lengths(INDEX * 100, INDEX), INDEX.astype(float))


def requests(source=UNIFORM, process=POISSON, **changes):
    arguments = {"rate_rps": 2.0, "num_requests": 50, "seed": 1} | changes
    return generate(source, process, **arguments)


def drawn(made):
    return [(r.request_id, r.prompt_tokens, r.output_tokens, r.tier, r.tbt_slo_s) for r in made]


@given(st.integers(0, 2**64), st.floats(0.01, 100), st.floats(0.01, 100), st.integers(1, 300))
@settings(max_examples=50)
def test_same_seed_gives_the_same_requests_at_any_rate(seed, rate_rps, other_rps, num):
    made = requests(rate_rps=rate_rps, seed=seed, num_requests=num)
    assert made == requests(rate_rps=rate_rps, seed=seed, num_requests=num)
    other = requests(rate_rps=other_rps, seed=seed, num_requests=num)
    assert drawn(made) == drawn(other)
    np.testing.assert_allclose(
        [r.due_s * rate_rps for r in made], [r.due_s * other_rps for r in other]
    )


@given(st.integers(1, 200), st.integers(0, 100), st.integers(0, 2**32))
@settings(max_examples=50)
def test_more_requests_keep_the_first(num, more, seed):
    longer = requests(num_requests=num + more, seed=seed, max_total_tokens=1500)
    assert longer[:num] == requests(num_requests=num, seed=seed, max_total_tokens=1500)


def test_requests_are_numbered_by_due_time_from_zero():
    made = requests(seed=3)
    assert [r.request_id for r in made] == list(range(50))
    assert [r.due_s for r in made] == sorted(r.due_s for r in made)
    assert all(type(r.prompt_tokens) is int and type(r.due_s) is float for r in made)


def test_another_seed_changes_everything():
    first, second = requests(seed=1), requests(seed=2)
    assert [r.due_s for r in first] != [r.due_s for r in second]
    assert [r.prompt_tokens for r in first] != [r.prompt_tokens for r in second]
    assert [r.tier for r in first] != [r.tier for r in second]


def test_streams_are_independent_of_each_other():
    """A stream that read another's numbers would move when that one's use of them changes."""
    base = requests()
    other_process = requests(process=ArrivalProcess.parse("gamma:cv=3"))
    assert drawn(base) == drawn(other_process)
    other_source = requests(source=load_sharegpt4_model())
    other_tiers = requests(tiers=parse_tiers("a:0.3:0.1,b:0.7:0.2"))
    assert [r.due_s for r in base] == [r.due_s for r in other_source]
    assert [r.tier for r in base] == [r.tier for r in other_source]
    assert [(r.due_s, r.prompt_tokens) for r in base] == [
        (r.due_s, r.prompt_tokens) for r in other_tiers
    ]


def test_each_part_is_drawn_from_the_stream_of_its_own():
    made = requests(seed=5)
    arrivals, lengths, tiers = (
        np.random.default_rng(child) for child in np.random.SeedSequence(5).spawn(4)[:3]
    )
    np.testing.assert_array_equal([r.due_s for r in made], due_times(POISSON, 2.0, 50, arrivals))
    expected = UNIFORM.sample(50, lengths)
    assert [r.prompt_tokens for r in made] == expected.prompt_tokens.tolist()
    assert [r.output_tokens for r in made] == expected.output_tokens.tolist()
    names = [DEFAULT_TIERS[index].name for index in assign(DEFAULT_TIERS, 50, tiers)]
    assert [r.tier for r in made] == names


def test_arrivals_lengths_and_tiers_are_uncorrelated():
    made = requests(num_requests=20_000, rate_rps=1.0)
    columns = [
        np.diff([0.0, *(r.due_s for r in made)]),
        [r.prompt_tokens for r in made],
        [r.output_tokens for r in made],
        [r.tier == "paying" for r in made],
    ]
    off_diagonal = np.corrcoef(np.array(columns, dtype=float)) - np.eye(4)
    assert np.abs(off_diagonal).max() < 0.03  # four standard errors


def test_each_request_has_its_tiers_slo():
    slo_s = {r.tier: r.tbt_slo_s for r in requests(num_requests=500)}
    assert slo_s == {"paying": 0.1, "free": 0.5}


def test_trace_takes_rows_in_order_with_their_times():
    made = requests(RECORDED, ArrivalProcess.parse("trace"), rate_rps=None, num_requests=4)
    assert [r.prompt_tokens for r in made] == [100, 200, 300, 400]
    assert [r.due_s for r in made] == [0, 1, 2, 3]
    slower = requests(RECORDED, ArrivalProcess.parse("trace:scale=2"), rate_rps=None,
                      num_requests=4)  # fmt: skip
    assert [r.due_s for r in slower] == [0, 2, 4, 6]
    at_rate = requests(RECORDED, ArrivalProcess.parse("trace"), rate_rps=4.0, num_requests=4)
    assert [r.due_s for r in at_rate] == [0, 0.25, 0.5, 0.75]


def test_other_arrivals_shuffle_a_table():
    made = requests(RECORDED, num_requests=10)
    prompts = [r.prompt_tokens for r in made]
    assert sorted(prompts) == (INDEX * 100).tolist() != prompts


def test_a_cap_leaves_out_longer_requests_and_keeps_the_order_of_the_others():
    free = requests(num_requests=2000)
    capped = requests(num_requests=500, max_total_tokens=1000)
    fitting = [
        (r.prompt_tokens, r.output_tokens)
        for r in free
        if r.prompt_tokens + r.output_tokens <= 1000
    ]
    assert [(r.prompt_tokens, r.output_tokens) for r in capped] == fitting[:500]
    assert [r.due_s for r in capped] == [r.due_s for r in free[:500]]


def test_a_cap_takes_a_traces_arrivals_along():
    source = replace(RECORDED, recorded=Lengths(np.tile([10, 900], 5), np.full(10, 1)))
    made = requests(source, ArrivalProcess.parse("trace"), rate_rps=None, num_requests=5,
                    max_total_tokens=901 - 1)  # fmt: skip
    assert [r.prompt_tokens for r in made] == [10] * 5
    assert [r.due_s for r in made] == [0, 2, 4, 6, 8]


def test_a_cap_equal_to_the_total_keeps_the_request():
    fixed = UniformLengths((10, 10), (5, 5))
    assert len(requests(fixed, max_total_tokens=15)) == 50
    with pytest.raises(WorkloadError, match=r"only 0 of .* max_total_tokens=14"):
        requests(fixed, max_total_tokens=14)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_requests": 0}, "num_requests must be at least 1, not 0"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"max_total_tokens": 1}, "max_total_tokens must be at least 2, not 1"),
        ({"rate_rps": None}, "poisson arrivals need a rate"),
        ({"process": ArrivalProcess.parse("trace")}, "has no recorded arrival times"),
        (
            {"process": ArrivalProcess.parse("trace"), "source": replace(RECORDED, arrival_s=None)},
            "t has no recorded arrival times.*poisson",
        ),
        (
            {"process": ArrivalProcess.parse("trace"), "source": RECORDED, "num_requests": 11},
            "t has 10 requests, 11 were asked for",
        ),
        (
            {
                "process": ArrivalProcess.parse("trace"),
                "source": RECORDED,
                "num_requests": 6,
                "max_total_tokens": 505,
            },
            "t has 5 requests of at most 505 tokens, 6 were asked for",
        ),
    ],
)
def test_refuses_what_gives_no_requests(changes, message):
    with pytest.raises(WorkloadError, match=message):
        requests(**changes)


def test_token_ids_are_the_requests_own():
    first, second = requests()[:2]
    ids = prompt_token_ids(first, seed=1, vocab_size=32_000, first_id=3)
    assert len(ids) == first.prompt_tokens
    assert ids.min() >= 3
    assert ids.max() < 32_000
    np.testing.assert_array_equal(ids, prompt_token_ids(first, 1, 32_000, 3))
    same_size = replace(second, prompt_tokens=first.prompt_tokens)
    assert not np.array_equal(ids, prompt_token_ids(same_size, 1, 32_000, 3))
    assert not np.array_equal(ids, prompt_token_ids(first, 2, 32_000, 3))
    with pytest.raises(WorkloadError, match="no token ids from 5 up to vocab_size=5"):
        prompt_token_ids(first, 1, vocab_size=5, first_id=5)


def test_token_ids_come_from_the_fourth_stream_of_the_seed():
    request = requests()[7]
    fourth = np.random.SeedSequence(1).spawn(4)[3]
    expected = np.random.default_rng(fourth.spawn(8)[7]).integers(0, 99, request.prompt_tokens)
    np.testing.assert_array_equal(prompt_token_ids(request, 1, 99), expected)


def test_fingerprint_is_of_the_numbers_not_of_the_name():
    assert fingerprint(RECORDED) == fingerprint(replace(RECORDED, name="x", note="y"))
    changed = replace(RECORDED, recorded=Lengths(INDEX * 100, INDEX + (INDEX == 3)))
    others = [changed, replace(RECORDED, arrival_s=None), UNIFORM, load_sharegpt4_model(),
              UniformLengths((1, 2048), (1, 511))]  # fmt: skip
    prints = [fingerprint(RECORDED), *map(fingerprint, others)]
    assert len(set(prints)) == len(prints)
    assert all(len(p) == 16 and int(p, 16) >= 0 for p in prints)


def test_known_seed_gives_known_requests():
    """Recordings are compared across versions: what a seed means must not drift unnoticed."""
    made = generate(load_sharegpt4_model(), POISSON, rate_rps=1.0, num_requests=3, seed=0)
    pinned = [(round(r.due_s, 6), r.prompt_tokens, r.output_tokens, r.tier) for r in made]
    assert pinned == [
        (3.293528, 3028, 250, "free"),
        (4.056659, 2492, 380, "free"),
        (5.309026, 4556, 688, "free"),
    ]
