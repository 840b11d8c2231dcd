"""When a server is left alone: after failures, or where it stopped answering."""

from __future__ import annotations

from slaibench.recording import store
from slaibench.recording.record import Outcome
from slaibench.studies.executors import CellResult
from slaibench.studies.pace import MOST_FAILURES, SEVERAL, SILENT_S
from slaibench.studies.paced_result import Ended
from slaibench.studies.run_summary import RunSummary


class LeftAloneError(Exception):
    """The server must not be sent more."""

    def __init__(self, ended: Ended, why: str) -> None:
        super().__init__(why)
        self.ended = ended


def check_alive(result: CellResult) -> None:
    """See that a server may be sent more after a run.

    Raises:
        LeftAloneError: requests failed, or it stopped answering.
    """
    summary: RunSummary = result.summary
    rate = result.cell.rate_rps
    failed = summary.metrics.counts.failed + summary.metrics.counts.timed_out
    if failed > MOST_FAILURES or (failed and not summary.metrics.counts.finished):
        raise LeftAloneError(Ended.FAILURES, f"requests failed at {rate:g} requests/s")
    silent_s = _silent_s(result)
    if silent_s is not None:
        raise LeftAloneError(
            Ended.SILENT,
            f"at {rate:g} requests/s no token came for {silent_s:.1f} s while requests waited",
        )


def _silent_s(result: CellResult) -> float | None:
    """For how long a run's end brought nothing while requests waited; None: it did not last."""
    recording = store.read(result.folder)
    requests, end_s = recording.requests, float(recording.run["end_s"])
    waiting = requests.outcome == Outcome.UNFINISHED.value
    if not waiting.any():
        return None
    last_s = float(requests.token_times_s.max(initial=0.0))
    silent_s = end_s - max(last_s, float(requests.due_s[waiting].min()))
    none_at_all = not len(requests.token_times_s) and int(waiting.sum()) >= SEVERAL
    return silent_s if silent_s >= SILENT_S or none_at_all else None
