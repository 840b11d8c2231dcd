"""A log of requests that somebody else's engine wrote."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from slaibench.recording.record import BoolArray, FloatArray
from slaibench.studies.validation.columns import IncompleteLogError, LogError, read_columns
from slaibench.studies.validation.meta import read_settings
from slaibench.studies.validation.observed import ObservedRun
from slaibench.workloads.request import Request
from slaibench.workloads.table_file import MAX_TOKENS

META = "meta.json"
DAY_S = 86_400.0
"""No request takes so long: times that lie further apart are on different clocks."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log, and how it is read.

    Args:
        path: JSONL, a request a line.
        meta: the engine's settings; None: ``meta.json`` beside the log.
        columns: names of columns that are not among the known ones (``columns.NAMES``).
        unit: of times whose name does not end in one: ``s``, ``ms``, ``us``, ``ns``.
        kv_blocks: instead of what the settings say.
    """

    path: Path
    meta: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str = "s"
    kv_blocks: int | None = None

    def read(self, needed: Collection[str] = ()) -> ObservedRun:
        """The run.

        Arrivals on another clock than the tokens (a client's, a wall clock) are moved onto it by
        the times at which the engine queued the requests: the quickest hand-over is taken to have
        taken no time.

        Args:
            needed: settings that nobody says if the log does not (``read_settings``).

        Raises:
            IncompleteLogError: with all that is missing, in the log and in its settings.
            LogError: something cannot be; the message names it and the way out.
        """
        lacks: list[str] = []
        settings = columns = None
        try:
            columns = read_columns(self.path, self.columns, self.unit)
        except IncompleteLogError as error:
            lacks += error.lacks
        try:
            settings = read_settings(self.meta or self.path.parent / META, self.kv_blocks, needed)
        except IncompleteLogError as error:
            lacks += error.lacks
        if settings is None or columns is None:
            raise IncompleteLogError(lacks)
        first_s, last_s = columns["first_token"], columns["last_token"]
        served = np.isfinite(first_s) & np.isfinite(last_s)
        if not served.any():
            raise LogError(f"no request of {self.path} has a first and a last token")
        arrival_s, note = self._arrivals(columns, served)
        self._check(columns, arrival_s, served)
        order = np.argsort(arrival_s, kind="stable")
        start_s = arrival_s[order[0]]
        requests = [
            Request(
                place,
                round(float(arrival_s[row] - start_s), 6),
                int(columns["prompt"][row]),
                int(columns["output"][row]),
            )
            for place, row in enumerate(order)
        ]
        return ObservedRun(
            name=f"{self.path.resolve().parent.name}/{self.path.name}",
            settings=settings,
            requests=requests,
            first_token_s=np.where(served, first_s - start_s, np.nan)[order],
            last_token_s=np.where(served, last_s - start_s, np.nan)[order],
            notes=(note,) if note else (),
        )

    def _arrivals(
        self, columns: Mapping[str, FloatArray], served: BoolArray
    ) -> tuple[FloatArray, str]:
        arrival_s = columns["arrival"]
        lacks = ~np.isfinite(arrival_s)
        if lacks.any():
            raise LogError(f"{self.path}: request {int(lacks.argmax()) + 1} has no arrival time")
        wait_s = columns["first_token"] - arrival_s
        same_clock = (wait_s >= 0) & (wait_s < DAY_S)
        if same_clock[served].any():
            return arrival_s, ""  # a request that is out of order is refused by ``_check``
        if "queued" not in columns:
            raise LogError(
                f"{self.path}: arrivals and tokens are on different clocks (the first request's "
                f"first token comes {wait_s[served][0]:.3f} s after its arrival), and there is no "
                "queued time to bring them together: add one on the tokens' clock (queued_ts), or "
                "write arrivals on that clock"
            )
        lag_s = columns["queued"] - arrival_s
        if np.isnan(lag_s).any():
            raise LogError(
                f"{self.path}: request {int(np.isnan(lag_s).argmax()) + 1} has no queued time, "
                "which is needed where arrivals are on another clock than tokens"
            )
        least_s = float(lag_s.min())
        late_s = lag_s - least_s
        note = (
            "arrivals are on another clock than tokens; moved by the quickest hand-over to the "
            f"engine's queue, which is taken as 0 (median {np.median(late_s) * 1e3:.0f} ms, "
            f"largest {late_s.max() * 1e3:.0f} ms)"
        )
        return arrival_s + least_s, note

    def _check(
        self,
        columns: Mapping[str, FloatArray],
        arrival_s: FloatArray,
        served: BoolArray,
    ) -> None:
        for name in ("prompt", "output"):
            tokens = columns[name]
            bad = ~((tokens >= 1) & (tokens <= MAX_TOKENS) & (tokens == np.floor(tokens)))
            if bad.any():
                row = int(bad.argmax())
                raise LogError(
                    f"{self.path}: request {row + 1} has {tokens[row]:g} {name} tokens, which must "
                    f"be a whole number from 1 to {MAX_TOKENS}: leave it out"
                )
        first_s, last_s = columns["first_token"], columns["last_token"]
        in_order = (first_s > arrival_s) & (last_s >= first_s) & (last_s < arrival_s + DAY_S)
        wrong = served & ~in_order
        if wrong.any():
            row = int(wrong.argmax())
            raise LogError(
                f"{self.path}: request {row + 1} arrives at {arrival_s[row]:.6f}, has its first "
                f"token at {first_s[row]:.6f} and its last at {last_s[row]:.6f} s, which is no "
                "order of events: leave it out, or say which times these are with --column"
            )
