"""The command that makes a page's recordings again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from slaibench.report.numbers import Document
from slaibench.reproductions.bari2025.spec import PaperSpec
from slaibench.spec import StudySpec
from slaibench.studies.bound.spec import BoundSpec
from slaibench.studies.systems.table import OPTIONS

LOAD = {
    "workload": "--workload",
    "arrivals": "--arrivals",
    "tiers": "--tiers",
    "first_seed": "--first-seed",
    "num_requests": "--requests",
    "duration_s": "--duration",
    "max_total_tokens": "--max-total-tokens",
    "convention": "--convention",
    "slo": "--slo",
}
"""Fields of a specification that every study takes, as the command line calls them."""
Given = dict[str, Any]


def of_study(doc: Document, results: Path) -> str:
    """Of a sweep, a comparison, or a server that was loaded."""
    spec = _with_workload(doc["spec"], doc["cell"]["workload"])
    spec = {**spec, "num_requests": spec["num_requests"] or _num_requests(doc)}
    rates = ["--rates", _list(spec["rates"])]
    if spec["backend"] == "endpoint":
        begin = ["replay", "--label", *spec["schedulers"], *rates]
        spec = {**spec, "backend": None}
    elif doc["pair"] is not None:
        begin = ["compare", *doc["pair"], *rates]
    else:
        begin = ["sweep", *_repeated("--scheduler", spec["schedulers"]), *rates]
    return _text([*begin, *_seeds(spec), *_fields(spec)], results)


def of_validation(doc: Document, results: Path) -> str:
    """Of a study on several backends; what only some of them take is left out."""
    first = doc["studies"][doc["between"][0]]
    spec = _with_workload(first["spec"], first["cell"]["workload"])
    begin = ["validate", "--between", ",".join(doc["between"])]
    asked = [*_repeated("--scheduler", spec["schedulers"]), "--rates", _list(spec["rates"])]
    served = {"backend": None, "device": None, "clock": None}
    return _text([*begin, *asked, *_seeds(spec), *_fields({**spec, **served})], results)


def of_bound(doc: Document, results: Path) -> str:
    """Of bounds on capacity."""
    ask = BoundSpec.from_json(doc["ask"])
    spec = ask.study.model_dump(mode="json")
    parts = ["--outputs", _list(ask.outputs) or "none", "--budgets", _list(ask.budgets) or "none"]
    parts += ["--loads", _list(ask.loads), "--rad-requests", str(ask.rad_requests)]
    parts += [] if ask.cycles else ["--no-rad"]
    load = {**spec, "convention": None, "slo": None}
    begin = ["bound", *_repeated("--scheduler", spec["schedulers"])]
    return _text([*begin, *_seeds(spec), *parts, *_fields(load)], results)


def of_paper(doc: Document, results: Path) -> str:
    """Of the paper's figures."""
    asked, default = PaperSpec.model_validate(doc["spec"]), PaperSpec()
    spec = asked.model_dump(mode="json")
    parts = ["paper", "--rates", _list(asked.rates), *_seeds(spec)]
    if asked.figures != default.figures:
        parts += _repeated("--figure", asked.figures)
    names = ("backend", "device", "clock", "workload", "duration_s", "first_seed")
    return _text([*parts, *_fields({name: spec[name] for name in names})], results)


def _with_workload(spec: Given, name: str) -> Given:
    """A default workload depends on what is at hand."""
    return {**spec, "workload": spec["workload"] or name}


def _num_requests(doc: Document) -> int | None:
    """Requests of a cell, where a study that was found on disk does not say; None: the default."""
    asked = StudySpec.model_validate(doc["spec"])
    # A run under overload is at another rate, and has a number of requests of its own.
    due = dict.fromkeys(asked.rates, 0)
    for run in doc["runs"]:
        if run["rate_rps"] in due:
            due[run["rate_rps"]] = max(due[run["rate_rps"]], run["due"])
    # A study that made its runs longer did so by whole lengths.
    if asked.horizon_s is not None or all(due[r] % asked.requests_at(r) == 0 for r in due):
        return None
    return int(max(due.values()))


def _fields(spec: Mapping[str, Any]) -> Iterable[str]:
    """Options for what is not left at its default."""
    default = StudySpec().model_dump(mode="json")
    if spec.get("device") is None:
        spec = {**spec, "clock": None}  # there is one only
    for name, option in {"backend": "--backend", **OPTIONS, **LOAD}.items():
        value = spec.get(name)
        if value is None or value == default[name]:
            continue
        if name == "dialect":
            yield from _spoken(value)
        else:
            yield from [option] if value is True else [option, _value(value)]


def _spoken(dialect: Mapping[str, Any]) -> Iterable[str]:
    """Options of how an endpoint is spoken to; a header's value is for who runs it to give."""
    switches = {
        "--no-ignore-eos": not dialect["ignore_eos"],
        "--any-length": not dialect["exact_lengths"],
        "--no-continuous-usage": not dialect["continuous_usage"],
        "--insecure": dialect["insecure"],
        "--new-connections": dialect["new_connections"],
    }
    yield from (option for option, is_given in switches.items() if is_given)
    if dialect["max_tokens_field"]:
        yield from ("--max-tokens-field", dialect["max_tokens_field"])
    if dialect["extra_body"]:
        yield from ("--extra-body", json.dumps(dialect["extra_body"]))
    yield from _repeated("--header", [f"{name}: ..." for name in dialect["headers"]])


def _seeds(spec: Mapping[str, Any]) -> list[str]:
    return ["--seeds", str(spec["num_seeds"])]


def _repeated(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _list(values: Iterable[float]) -> str:
    return ",".join(map(_value, values))


def _value(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _text(words: Iterable[str], results: Path) -> str:
    return shlex.join(["slaibench", *words, "--results", str(results), "--no-report"])
