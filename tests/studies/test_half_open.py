"""Studies of half-open sessions: what they say of such a load, and how schedulers are paired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slaibench.backends.base import BackendError
from slaibench.measure.half_open import CANNOT_TELL
from slaibench.measure.slo import parse_slos
from slaibench.measure.steady import Steadiness
from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.spec import CellSpec
from slaibench.studies.compare import ttft_change
from slaibench.studies.crosscheck.agreement import AgreementVerdict, BackendRun, agreement
from slaibench.studies.prepared import PreparedStudy, prepare
from slaibench.studies.regression.replicate import load_hash
from slaibench.studies.run_summary import RunSummarizer
from slaibench.workloads.request import Request
from tests.backends.sessions import conversations
from tests.studies.studies import H100, study, sweep

SUMMARIZE = RunSummarizer.for_study("strict", parse_slos("ttft_p50<0.5"))
SLOW = 8.0
"""Requests a second that keep one H100 busy."""


@pytest.fixture(autouse=True)
def _sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every study's requests are turns of half-open sessions, about three a session."""

    def requests(self: PreparedStudy, cell: CellSpec) -> Sequence[Request]:
        rate_rps = SLOW if cell.concurrency else cell.rate_rps
        made = conversations(cell.num_requests // 3, cell.seed, rate_rps=rate_rps / 3)
        return made[: cell.num_requests]

    monkeypatch.setattr(PreparedStudy, "requests", requests)


def recorded(scheduler: str = "sarathi", *, count: int = 900, rate_rps: float = SLOW) -> Recording:
    spec = study(schedulers=(scheduler,), rates=(rate_rps,), num_requests=count, profile=str(H100))
    with prepare(spec) as prepared:
        return prepared.run(prepared.cells()[0])


def test_a_run_is_half_open_by_what_it_records(tmp_path: Path) -> None:
    made = recorded()
    store.write(made, tmp_path / "cell")
    read = store.read(tmp_path / "cell")
    assert read.run["turns"]["kind"] == "half-open"
    np.testing.assert_array_equal(read.requests.turn, made.requests.turn)
    np.testing.assert_array_equal(read.requests.session, made.requests.session)


def test_a_summary_says_what_such_a_load_cannot_tell_and_what_was_sent() -> None:
    made = recorded()
    summary = SUMMARIZE(made)
    assert CANNOT_TELL in summary.notes
    assert not [note for note in summary.notes if "not as declared" in note]
    assert summary.audit.process == "half-open"
    requests = made.requests
    last_s = requests.due_s[requests.turn == 1].max()
    sent = np.count_nonzero(requests.due_s <= last_s)
    assert summary.audit.offered_rps == pytest.approx(sent / last_s, rel=0.02)
    assert summary.metrics.window_s[1] == last_s
    assert summary.metrics.counts.due == len(requests) > summary.audit.num_requests


def test_values_are_paired_by_request_and_not_by_row() -> None:
    one, other = recorded("sarathi"), recorded("slai")
    assert one.requests.request_id.tolist() != other.requests.request_id.tolist()
    a, b = SUMMARIZE(one), SUMMARIZE(other)
    for made, summary in ((one, a), (other, b)):
        table = made.requests
        row = int(np.flatnonzero(table.due_s >= summary.metrics.window_s[0])[5])
        assert summary.ttft_s[table.request_id[row]] == table.ttft_s[row]
        assert summary.due_s[table.request_id[row]] == table.due_s[row]
    both = np.isfinite(a.ttft_s[: len(b.ttft_s)]) & np.isfinite(b.ttft_s[: len(a.ttft_s)])
    change = ttft_change([a], [b])
    assert change.n == np.count_nonzero(both)
    same = ttft_change([a], [a])
    assert same.value == 0


def test_the_same_requests_are_known_whatever_the_system_made_of_their_times() -> None:
    one, other = recorded("sarathi"), recorded("slai")
    hashes = {load_hash(made.run["spec"], made.requests) for made in (one, other)}
    assert len(hashes) == 1


def test_backends_are_compared_over_requests_that_were_due_at_other_times() -> None:
    one, other = (BackendRun(made, SUMMARIZE(made)) for made in (recorded(), recorded("slai")))
    result = agreement([one], [other], ("free",))
    assert result.num_pairs > 300
    assert result.verdict is not AgreementVerdict.IDENTICAL
    assert agreement([one], [one], ("free",)).verdict is AgreementVerdict.IDENTICAL
    changed = replace(one.recording.requests, prompt_tokens=one.recording.requests.due_s)
    with pytest.raises(ValueError, match="their prompt_tokens differ from request 0 on"):
        agreement([one], [replace(one, recording=replace(one.recording, requests=changed))], ())


def test_clients_of_a_closed_loop_are_refused_such_sessions() -> None:
    spec = study(schedulers=("sarathi",), rates=(), concurrency=(4,), profile=str(H100))
    with (
        prepare(spec) as prepared,
        pytest.raises(BackendError, match=r"sarathi with 4 clients.*leave the concurrency out"),
    ):
        prepared.run(prepared.cells()[0])


def test_a_sweep_says_the_rate_that_was_sent_and_which_turns_were_never_due(
    tmp_path: Path,
) -> None:
    spec = study(schedulers=("sarathi",), rates=(SLOW, 90.0), num_requests=7000, profile=str(H100))
    swept = sweep(spec, tmp_path / "r", jobs=1)
    slow, fast = swept.points
    assert slow.offered_rps == pytest.approx(SLOW, rel=0.1)
    assert fast.offered_rps is not None
    assert fast.offered_rps < 0.7 * 90  # of turns that wait for an engine that is late
    assert (fast.state, fast.stopped_early) == (Steadiness.GROWING, 1)
    assert f"{CANNOT_TELL} (sarathi)" in swept.warnings
    (warning,) = [text for text in swept.warnings if "never due" in text]
    assert warning.startswith(
        "in 1 of 2 runs not every session came to its end; sarathi at 90 requests/s, seed 0: "
    )
    assert "after one that was unfinished at the end" in warning
