"""What a server says of itself while it is loaded: its metrics, read once a second.

It reads beside the load and must not disturb it: in a thread of the parent, which only waits for
the processes that send and stamp; over connections of its own; never more than one question at a
time, each with an end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import numpy as np

from slaibench.client.fetch import FetchError, fetch_bytes
from slaibench.client.target import Target
from slaibench.endpoint.exposition import ExpositionError
from slaibench.endpoint.server_metrics import (
    NONE,
    QUANTITIES,
    ROUTE,
    ServerNumbers,
    address_of,
    numbers,
)
from slaibench.endpoint.url import public_url
from slaibench.recording.record import FloatArray, ServerTable, whole_microseconds

EVERY_S = 1.0
ANSWER_S = 2.0
"""For an answer. One that takes longer is of no time that could be named."""
MOST_FAILED = 5
"""In a row, before the server is not asked again in this run."""
ACCEPT = "text/plain; version=0.0.4"
_REFUSED = range(400, 500)
"""HTTP statuses that another try would not change."""
_NO_ENTRY = (401, 403)
Reading = tuple[float, float, ServerNumbers]
"""When it was asked for and answered, on the monotonic clock, and what the answer says."""


class Scraper:
    """Reads a server's metrics while its block runs.

    Args:
        target: the server under load.
        metrics_url: where its metrics are; None: at its ``/metrics``. Another host or port is sent
            neither the key nor the headers of the target.
    """

    def __init__(self, target: Target, metrics_url: str | None = None) -> None:
        self._model = target.model
        self._is_named = metrics_url is not None
        self._target, self._path = _place(target, metrics_url)
        self._readings: list[Reading] = []
        self._failure: FetchError | None = None
        self._failed_in_a_row = 0
        self._num_failed = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read_on, name="metrics", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if error is None and not self._failed_in_a_row:
            # Connecting and answering have a limit each; the last reading may follow another.
            self._thread.join(4 * ANSWER_S + EVERY_S)

    @property
    def is_absent(self) -> bool:
        """Whether there are no metrics that are known here, so that no other run has any."""
        if self._readings or self._failure is None:
            return False
        return self._failure.status is not None or self._failed_in_a_row >= MOST_FAILED

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the run must know: that metrics which were to be there are not."""
        if self._failure is None:
            return ()
        where = f"the server's metrics at {self._public}"
        if self._readings:
            if self._failed_in_a_row < MOST_FAILED:
                return ()  # it recovered; ``facts`` has the number
            return (f"{where} were lost during the run: {self._failure}",)
        if not self._is_named and self._failure.status not in _NO_ENTRY:
            return ()  # few servers have any
        way_out = f"correct --metrics-url, or give --metrics-url {NONE}"
        return (f"{where} could not be read: {self._failure} ({way_out})",)

    def facts(self) -> Mapping[str, Any]:
        """For ``run.json``: where metrics were read, of how many engines, and how often not."""
        if not self._readings:
            return {}
        return {
            "url": self._public,
            "engines": max(reading.engines for _, _, reading in self._readings),
            "failed": self._num_failed,
        }

    def table(self, t0_s: float, end_s: float) -> ServerTable | None:
        """What was read in a run, with the last reading before it.

        Args:
            t0_s: the run's start on the monotonic clock.
            end_s: its end, seconds after the start.

        Returns:
            None: nothing was.
        """
        readings = list(self._readings)
        before = [reading for reading in readings if reading[1] <= t0_s][-1:]
        during = [reading for reading in readings if reading[1] > t0_s]
        # One reading after the end has what happened up to it.
        inside = [reading for reading in during if reading[1] <= t0_s + end_s]
        rows = [*before, *during[: len(inside) + 1]]
        if not rows:
            return None
        values = {
            quantity.name: np.array([numbers.values[quantity.name] for _, _, numbers in rows])
            for quantity in QUANTITIES
        }
        return ServerTable(
            asked_s=_after(t0_s, [asked_s for asked_s, _, _ in rows]),
            answered_s=_after(t0_s, [answered_s for _, answered_s, _ in rows]),
            **values,
        )

    @property
    def _public(self) -> str:
        address = self._target.address
        return public_url(f"{'https' if address.tls else 'http'}://{address.authority}{self._path}")

    def _read_on(self) -> None:
        """Ask every second until the block is left, and once more then."""
        begun_s = time.monotonic()
        while self._read():
            # Ticks that an answer took longer than are left out: questions never queue up.
            now_s = time.monotonic()
            next_s = begun_s + EVERY_S * (1 + (now_s - begun_s) // EVERY_S)
            if self._over.wait(next_s - now_s):
                self._read()
                return

    def _read(self) -> bool:
        """One reading; whether there is a point in another."""
        asked_s = time.monotonic()
        try:
            answer = fetch_bytes(self._target, self._path, timeout_s=ANSWER_S, accept=ACCEPT)
            read = numbers(answer.decode(), self._model)
        except FetchError as error:
            return self._goes_on(error)
        except (ExpositionError, UnicodeDecodeError) as error:
            said = self._target.quoter()(str(error))
            return self._goes_on(FetchError(f"not Prometheus' text format: {said}", 200))
        if read is None:
            # A server may have none before its first request (SGLang), so it is asked again.
            self._failure = FetchError("none of the metrics there is known to slaibench", 200)
            return True
        self._readings.append((asked_s, time.monotonic(), read))
        self._failed_in_a_row = 0
        return True

    def _goes_on(self, failure: FetchError) -> bool:
        self._failure = failure
        self._num_failed += 1
        self._failed_in_a_row += 1
        if not self._readings and (failure.status == 200 or failure.status in _REFUSED):
            return False
        return self._failed_in_a_row < MOST_FAILED and not self._over.is_set()


def _place(target: Target, metrics_url: str | None) -> tuple[Target, str]:
    """Where to ask, as whom, and for which path."""
    own = target.address
    if metrics_url is None:
        return target, f"{own.root}{ROUTE}" + (f"?{own.query}" if own.query else "")
    address, path = address_of(metrics_url)
    there = replace(target, url=metrics_url, extra_body={})
    if (address.host, address.port, address.tls) == (own.host, own.port, own.tls):
        return there, path
    return replace(there, api_key=None, headers={}), path


def _after(t0_s: float, times_s: Sequence[float]) -> FloatArray:
    """Times on the monotonic clock as seconds after the start."""
    return whole_microseconds(np.array(times_s) - t0_s)
