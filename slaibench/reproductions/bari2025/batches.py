"""Figure 6: what single batches cost. Real runs that are laid out so that the wanted batch occurs.

Nothing here uses the cost model: a scheduler makes each batch, so that the same studies run in the
simulator and in engines on an emulated device.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slaibench.recording import store
from slaibench.recording.record import Recording
from slaibench.recording.store import RecordingError
from slaibench.reproductions.bari2025.forms import BatchForm, BlockForm, BudgetForm
from slaibench.reproductions.bari2025.published import bari2025
from slaibench.reproductions.bari2025.spec import PaperSpec
from slaibench.spec import StudySpec
from slaibench.studies.executors import CellResult

PROMPT_TOKENS = 2048
NUM_ALONE = 20
"""Prompts served one at a time for each token budget."""
NUM_REQUESTS = (8, 16, 32, 64, 108)
NUM_DECODES = (8, 16, 32, 64, 128, 256)
BATCH_TOKENS = 512
APART_S = 60.0
"""From one group of requests to the next: far longer than a group takes."""
BATCHES_FILE = "paper-batches.csv"


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """2,048-token prompts, one at a time: median TTFT and mean time of a batch.

    The mean is over the prompt's chunks and one decode. That is what the published means are: with
    c chunks, (c + 1) times the mean less the TTFT is 20 to 25 ms in all of them, one decode.
    """

    token_budget: int
    ttft_p50_s: float
    batch_s: float
    n: int

    def to_json(self) -> BudgetForm:
        return {
            "token_budget": self.token_budget,
            "ttft_p50_s": self.ttft_p50_s,
            "batch_s": self.batch_s,
            "n": self.n,
        }


@dataclass(frozen=True, slots=True)
class BlockRow:
    """Most KV blocks in use while so many requests of 2,048 prompt tokens decode."""

    num_requests: int
    kv_blocks: int
    share: float

    def to_json(self) -> BlockForm:
        return {"num_requests": self.num_requests, "kv_blocks": self.kv_blocks, "share": self.share}


@dataclass(frozen=True, slots=True)
class BatchRow:
    """Time of one batch: decodes at position 513 and one chunk, 512 tokens in all."""

    num_decodes: int
    batch_s: float

    def to_json(self) -> BatchForm:
        return {"num_decodes": self.num_decodes, "batch_s": self.batch_s}


@dataclass(frozen=True, slots=True)
class Batches:
    """What figure 6 shows; empty where it was not run."""

    budgets: tuple[BudgetRow, ...] = ()
    blocks: tuple[BlockRow, ...] = ()
    batches: tuple[BatchRow, ...] = ()


def budget_study(spec: PaperSpec) -> StudySpec:
    """Sarathi-Serve with one request at a time, a prompt every ten seconds."""
    budgets = bari2025().token_budgets.budgets
    return spec.batch_study(
        schedulers=tuple(f"sarathi:token_budget={budget},max_active=1" for budget in budgets),
        workload=f"fixed:prompt={PROMPT_TOKENS},output=2",
        arrivals="constant",
        rates=(0.1,),
        num_requests=NUM_ALONE,
    )


def block_study(spec: PaperSpec) -> StudySpec:
    """Prefill first, with at most N active: all N prompts are in the cache before one decodes."""
    return spec.batch_study(
        schedulers=tuple(f"prefill-first:max_active={n}" for n in NUM_REQUESTS),
        workload=f"fixed:prompt={PROMPT_TOKENS},output=2",
        arrivals="burst",
        num_requests=max(NUM_REQUESTS),
    )


def batch_study(spec: PaperSpec, lengths: Path) -> StudySpec:
    """SLAI with a TBT SLO that never presses: N prompts of 512 tokens fill a batch each and their
    decodes are withheld, until the last prompt, of 512 - N, leaves room for all of them.

    Args:
        lengths: where ``batch_lengths`` lie.
    """
    most = max(NUM_DECODES)
    return spec.batch_study(
        schedulers=(f"slai:order=fcfs,decode_limit={most},max_active={most + 1}",),
        workload=str(lengths),
        arrivals="trace",
        tiers="patient:1:1000",
    )


def batch_lengths() -> str:
    """The requests of ``batch_study`` as CSV: for each N, N + 1 at the same moment."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("arrival_s", "prompt_tokens", "output_tokens"))
    for group, num_decodes in enumerate(NUM_DECODES):
        due_s = APART_S * group
        rows.writerows([(due_s, BATCH_TOKENS, 2)] * num_decodes)
        rows.writerow((due_s, BATCH_TOKENS - num_decodes, 1))
    return out.getvalue()


def write_lengths(results: Path) -> Path:
    """Put ``batch_lengths`` beside the recordings.

    Raises:
        RecordingError: it cannot be written.
    """
    path = results / BATCHES_FILE
    try:
        results.mkdir(parents=True, exist_ok=True)
        path.write_text(batch_lengths(), encoding="utf-8")
    except OSError as error:
        raise RecordingError(
            f"cannot write {str(path)!r} ({error.strerror}); choose another --results folder"
        ) from error
    return path


def budget_rows(cells: Sequence[CellResult]) -> tuple[BudgetRow, ...]:
    """Of ``budget_study``'s cells, smallest budget first."""
    rows = []
    for cell in cells:
        recording = store.read(cell.folder)
        ttft = recording.requests.ttft_s
        rows.append(
            BudgetRow(
                token_budget=int(cell.cell.scheduler_options["token_budget"]),
                ttft_p50_s=float(np.median(ttft)),
                batch_s=float(np.mean(recording.steps.end_s - recording.steps.start_s)),
                n=len(ttft),
            )
        )
    return tuple(sorted(rows, key=lambda row: row.token_budget))


def block_rows(cells: Sequence[CellResult]) -> tuple[BlockRow, ...]:
    """Of ``block_study``'s cells, fewest requests first."""
    rows = []
    for cell in cells:
        recording = store.read(cell.folder)
        most = int(recording.steps.kv_blocks_used.max())
        share = most / int(recording.run["kv_blocks"])
        rows.append(BlockRow(int(cell.cell.scheduler_options["max_active"]), most, share))
    return tuple(sorted(rows, key=lambda row: row.num_requests))


def batch_rows(cells: Sequence[CellResult]) -> tuple[BatchRow, ...]:
    """Of ``batch_study``'s cell, fewest decodes first; batches that did not come about are left
    out."""
    rows = [
        _batch(recording, num_decodes)
        for recording in (store.read(cell.folder) for cell in cells)
        for num_decodes in NUM_DECODES
    ]
    return tuple(row for row in rows if row is not None)


def _batch(recording: Recording, num_decodes: int) -> BatchRow | None:
    steps = recording.steps
    wanted = (steps.decodes == num_decodes) & (steps.prefill_tokens == BATCH_TOKENS - num_decodes)
    if np.count_nonzero(wanted) != 1:
        return None
    place = int(np.flatnonzero(wanted)[0])
    return BatchRow(num_decodes, float(steps.end_s[place] - steps.start_s[place]))
