"""Studies with speculative decoding: what a cell records of it, and what it does not go with."""

from __future__ import annotations

import pytest

from slaibench.measure.catalogue import LATENCIES
from slaibench.recording.store import spec_hash
from slaibench.spec import StudySpec
from slaibench.studies.bound.limits import BoundMaker
from slaibench.studies.overload import overload_cells
from slaibench.studies.prepared import prepare
from slaibench.studies.systems.table import describe_run
from tests.studies.studies import study

DRAFTS = {"speculative_tokens": 3, "acceptance_rate": 0.6}


def test_a_cell_has_the_fields_only_where_it_drafts() -> None:
    plain = prepare(study()).first_cell()
    drafting = prepare(study(**DRAFTS)).first_cell()
    assert not set(DRAFTS) & set(plain.spec())
    assert drafting.spec().items() >= DRAFTS.items()
    assert spec_hash(plain.spec()) != spec_hash(drafting.spec())
    assert not set(DRAFTS) & set(study().to_json())
    again = StudySpec.model_validate(study(**DRAFTS).to_json())
    assert (again.speculative_tokens, again.acceptance_rate) == (3, 0.6)


def test_drafting_is_synchronous_unless_somebody_asks() -> None:
    assert prepare(study()).first_cell().async_scheduling
    assert not prepare(study(**DRAFTS)).first_cell().async_scheduling
    with pytest.raises(ValueError, match=r"-tokens 3: .* leave --async-scheduling out"):
        prepare(study(**DRAFTS, async_scheduling=True))


def test_a_recording_says_what_was_drafted() -> None:
    with prepare(study(schedulers=("sarathi",), **DRAFTS)) as prepared:
        recording = prepared.run(prepared.first_cell())
    assert "drafting 3 tokens a decode of which each is accepted with probability 0.6" in (
        describe_run(recording.run)
    )
    # Tokens of one batch have one time: a gap of 0, where a decode gave several.
    tokens = recording.requests
    gaps = tokens.token_times_s[1:] - tokens.token_times_s[:-1]
    assert 0.3 < (gaps == 0).mean() < 0.7
    assert LATENCIES["tpot"].observed is not None
    with prepare(study(schedulers=("sarathi",), async_scheduling=False)) as prepared:
        plain = prepared.run(prepared.first_cell())
    observed = LATENCIES["tpot"].observed
    assert observed(recording.requests).mean() < 0.6 * observed(plain.requests).mean()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"speculative_tokens": 3}, "give both, or neither"),
        ({"acceptance_rate": 0.5}, "give both, or neither"),
        ({**DRAFTS, "acceptance_rate": 1.5}, "less than or equal to 1"),
        ({**DRAFTS, "speculative_tokens": 0}, "greater than or equal to 1"),
        ({**DRAFTS, "speculative_tokens": 16}, "draft 15 or fewer"),
        ({**DRAFTS, "backend": "sglang"}, "does not go with --backend sglang, only with sim or vl"),
        ({**DRAFTS, "backend": "vllm", "device": "cpu"}, "where nothing is computed"),
        ({**DRAFTS, "backend": "vllm", "clock": "real"}, "without --clock real"),
    ],
)
def test_what_does_not_go_with_it_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(study(**fields))


def test_no_bound_counts_several_tokens_a_decode() -> None:
    prepared = prepare(study(**DRAFTS))
    assert overload_cells(prepare(study()))
    assert overload_cells(prepared) == []
    with pytest.raises(ValueError, match="the bound counts a token a decode"):
        BoundMaker(prepared)


def test_verified_tokens_count_against_the_regime() -> None:
    wide = study(schedulers=("sarathi:token_budget=1500",), gpu="rtx6000-ada", **DRAFTS)
    with prepare(wide) as prepared:
        recording = prepared.run(prepared.first_cell())
    steps = recording.steps
    assert steps.tokens.max() > 1024  # that its sources cover
    largest = (steps.tokens + 3 * steps.decodes).max()
    assert f"tokens in a batch: {largest}" in " ".join(recording.run["notes"])
