"""What a shell completes after an option: names that exist, asked for when the key is pressed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from typer.models import ParameterInfo

from slaibench.backends.table import ENGINES
from slaibench.catalog.gpu import list_gpus
from slaibench.catalog.model import list_models
from slaibench.measure.catalogue import judged
from slaibench.schedulers import registry as schedulers
from slaibench.studies.regression import baseline
from slaibench.studies.systems.table import SYSTEMS
from slaibench.workloads import registry as workloads
from slaibench.workloads.arrivals import ArrivalKind

MOST_FOLDERS = 200
"""Folders that are looked into for a baseline."""

Values = Callable[[], Iterable[str]]


def _schedulers() -> Iterable[str]:
    return schedulers.available()


def _workloads() -> Iterable[str]:
    return [entry.name for entry in workloads.available()]


def _baselines() -> Iterable[str]:
    """Folders here, or one below, that hold a baseline."""
    below = [folder for pattern in ("*", "*/*") for folder in Path().glob(pattern)]
    return [str(path) for path in below[:MOST_FOLDERS] if (path / baseline.FILE).is_file()]


VALUES: Mapping[str, Values] = {
    **dict.fromkeys(("scheduler", "schedulers", "a", "b"), _schedulers),
    "model": lambda: [model.name for model in list_models()],
    "gpu": lambda: [gpu.name for gpu in list_gpus()],
    "workload": _workloads,
    "workload name": _workloads,
    "backend": lambda: SYSTEMS,
    "serve backend": lambda: ENGINES,
    "calibrate backend": lambda: ENGINES,
    "arrivals": lambda: [kind.value for kind in ArrivalKind],
    "metric": judged,
    "baseline": _baselines,
}
"""By a parameter, or a command and its parameter: what it may be. Enumerations complete by
themselves, and files by the shell."""


def with_completion(command: Callable[..., None]) -> Callable[..., None]:
    """The command, whose parameters complete their values."""
    signature = inspect.signature(command, eval_str=True)
    for name, parameter in signature.parameters.items():
        values = VALUES.get(f"{command.__name__} {name}", VALUES.get(name))
        for mark in getattr(parameter.annotation, "__metadata__", ()):
            if values is not None and isinstance(mark, ParameterInfo):
                mark.autocompletion = _completer(values)
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {
        name: parameter.annotation for name, parameter in signature.parameters.items()
    }
    return command


def _completer(values: Values) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        try:
            return [value for value in values() if value.startswith(incomplete)]
        except Exception:  # whatever a package's scheduler raises, a shell cannot show it
            return []

    return complete
