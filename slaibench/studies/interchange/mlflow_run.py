"""A study's result as a run of MLflow: what was asked as parameters, numbers as metrics by rate.

Everything is read off the JSON document that the study gives, so a number that is added there is
logged as well. MLflow is imported only where a result is logged; its own variables say where to
(``MLFLOW_TRACKING_URI``) and as whom.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from slaibench.spec import StudySpec
from slaibench.studies.executors import CellResult
from slaibench.version import __version__

DOCUMENT = "result.json"
LONGEST_VALUE, LONGEST_KEY = 6000, 250
"""Characters that MLflow takes of a parameter's value, and of a metric's name."""
MOST_METRICS, MOST_PARAMS = 1000, 100
"""In one request."""
RETRIES = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""Where the environment says nothing: MLflow's own seven tries take minutes to say that nothing
listens."""
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_./: -]+")
"""What MLflow refuses in a name; a scheduler's options have ``=`` and commas."""
_APART = frozenset({"scheduler", "rate_rps", "ci95", "ci90", "rates_measured", "replicates"})
"""Keys of a row that are in names and steps, or lists that are no interval."""
Document = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class TrackingError(ValueError):
    """MLflow is not here, or refuses; the message says what to do."""


class Logged(NamedTuple):
    """One value: its name, and the place of its rate among the study's rates."""

    name: str
    value: float
    step: int


@dataclass(frozen=True, slots=True)
class Tracker:
    """An experiment that results can be logged to; make it with ``tracker``.

    Args:
        client: ``mlflow.tracking.MlflowClient``.
        store: its tracking URI, for messages.
    """

    client: Any
    experiment_id: str
    experiment: str
    store: str

    def log(
        self,
        command: str,
        spec: StudySpec,
        document: Document,
        cells: Sequence[CellResult],
        words: str,
        page: Path | None = None,
    ) -> str:
        """Log one result.

        Args:
            command: that gave it (``sweep``).
            spec: what was asked.
            document: the result's ``to_json``; of several capacities, a list of them.
            cells: behind it; may be none.
            words: the answer in a line.
            page: its page.

        Returns:
            Where it is, in words.

        Raises:
            TrackingError: MLflow refuses.
        """
        from mlflow import entities  # noqa: PLC0415

        documents = list(document) if isinstance(document, Sequence) else [document]
        now_ms = int(1000 * time.time())
        metrics = [entities.Metric(m.name, m.value, now_ms, m.step) for m in values(documents)]
        params = [entities.Param(name, text) for name, text in parameters(spec).items()]
        said = {"mlflow.note.content": words[:LONGEST_VALUE], **tags(command, cells)}
        try:
            run = self.client.create_run(self.experiment_id, run_name=command, tags=said).info
            for begin in range(0, len(params), MOST_PARAMS):
                self.client.log_batch(run.run_id, params=params[begin : begin + MOST_PARAMS])
            for begin in range(0, len(metrics), MOST_METRICS):
                self.client.log_batch(run.run_id, metrics=metrics[begin : begin + MOST_METRICS])
            self.client.log_text(run.run_id, json.dumps(document, indent=1), DOCUMENT)
            if page is not None:
                self.client.log_artifact(run.run_id, str(page))
            self.client.set_terminated(run.run_id)
        except Exception as error:  # of MLflow's own, or of whatever it speaks HTTP with
            raise TrackingError(f"MLflow at {self.store} refuses: {_line(error)}") from error
        return f"run {run.run_id} of experiment {self.experiment!r} at {self.store}"


def tracker(experiment: str) -> Tracker:
    """An experiment by its name, made if it is not there.

    Raises:
        TrackingError: MLflow is not installed, its store does not answer, or refuses the name.
    """
    if find_spec("mlflow") is None:
        raise TrackingError(
            "--mlflow needs MLflow, which is not installed: pip install 'slaibench[mlflow]'"
        )
    for name, value in RETRIES.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: PLC0415

    store = _without_password(str(mlflow.get_tracking_uri()))
    try:
        client = mlflow.MlflowClient()
        there = client.get_experiment_by_name(experiment)
        experiment_id = there.experiment_id if there else client.create_experiment(experiment)
    except Exception as error:  # as in ``Tracker.log``
        raise TrackingError(
            f"--mlflow {experiment}: the store at {store} does not take it ({_line(error)}); set "
            "MLFLOW_TRACKING_URI to that of your server, or install mlflow itself for a store on "
            "this machine"
        ) from error
    return Tracker(client, str(experiment_id), experiment, store)


def parameters(spec: StudySpec) -> dict[str, str]:
    """What was asked: the fields of the specification that say something, as texts."""
    return {
        name: (value if isinstance(value, str) else json.dumps(value))[:LONGEST_VALUE]
        for name, value in spec.to_json().items()
        if value is not None
    }


def tags(command: str, cells: Sequence[CellResult]) -> dict[str, str]:
    """What runs are looked for by: command, version, model, what served it, code."""
    said: dict[str, str | None] = {"slaibench.command": command, "slaibench.version": __version__}
    if cells:
        cell = cells[0].cell
        said |= {
            "slaibench.code": cell.code_fingerprint,
            "slaibench.model": cell.model,
            "slaibench.place": cell.place,
            "slaibench.backend": cell.system,
            "slaibench.engine": cell.engine,
            "slaibench.workload": cell.workload,
        }
    return {name: text for name, text in said.items() if text is not None}


def values(documents: Iterable[Mapping[str, Any]]) -> list[Logged]:
    """Every number of the documents that MLflow can hold, each name and step once.

    A point is ``slai/ttft_p50_s``, the ends of its interval ``slai/ttft_p50_s/low`` and ``high``,
    a tier's value ``slai/tbt_p99_s/paying``; its step is the place of its rate, which
    ``slai/rate_rps`` has at that step. A capacity is ``slai/capacity_rps``, a ratio of capacities
    ``slai/capacity_ratio``, a change from a baseline ``slai/ttft_p50_s/change``.
    """
    every = {(it.name, it.step): it for doc in documents for it in _of_document(doc)}
    return list(every.values())


def _of_document(doc: Mapping[str, Any]) -> Iterator[Logged]:
    rows = [*doc.get("points", ()), *doc.get("rows", ())]
    rates = sorted({row["rate_rps"] for row in rows})
    for row in rows:
        metric = f"/{row['metric']}" if "metric" in row else ""
        head = f"{row['scheduler']}{metric}"
        step = rates.index(row["rate_rps"])
        yield from _walk(f"{row['scheduler']}/rate_rps", row["rate_rps"], step)
        yield from _walk(head, {k: v for k, v in row.items() if k not in _APART}, step)
        yield from _walk(head, row.get("ci95"), step)
        yield from _walk(f"{head}/change", row.get("ci90"), step)
    if "rate_rps" in doc:  # a capacity by itself: a scheduler's, or a server's
        yield from _capacity(doc)
    for capacity in doc.get("capacities", ()):
        yield from _capacity(capacity)
    for other in doc.get("others", ()):
        ratio = other["ratio"]
        yield from _walk(f"{other['scheduler']}/capacity_ratio", ratio["value"], 0)
        yield from _walk(f"{other['scheduler']}/capacity_ratio", ratio["ci95"], 0)


def _capacity(doc: Mapping[str, Any]) -> Iterator[Logged]:
    """A capacity, and all numbers beside it."""
    who = doc.get("scheduler", "endpoint")
    yield from _walk(f"{who}/capacity_rps", doc["rate_rps"], 0)
    yield from _walk(f"{who}/capacity_rps", doc["ci95"], 0)
    rest = {k: v for k, v in doc.items() if k not in (*_APART, "spec", "points", "capacities")}
    yield from _walk(who, rest, 0)


def _walk(name: str, value: Any, step: int) -> Iterator[Logged]:
    """The numbers in a value; two in a list are the ends of an interval."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            ends = key == "ci95"  # of the value beside it
            yield from _walk(name if ends else f"{name}/{key}", inner, step)
    elif isinstance(value, list):
        if len(value) == 2 and all(end is None or isinstance(end, int | float) for end in value):
            yield from _walk(f"{name}/low", value[0], step)
            yield from _walk(f"{name}/high", value[1], step)
    elif isinstance(value, int | float) and math.isfinite(value):
        yield Logged(_NOT_IN_A_NAME.sub("_", name)[:LONGEST_KEY], float(value), step)


def _line(error: Exception) -> str:
    """An error's first line, as far as a message has room for it."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return _without_password(said)[:300]


def _without_password(text: str) -> str:
    """A text without what stands before a URL's host: MLflow takes a user and a password there."""
    return re.sub(r"//[^/?#\s]*@", "//...@", text)
