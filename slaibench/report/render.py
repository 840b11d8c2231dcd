"""From a report's document to its page; the drawings are put in as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from slaibench.report.captions import Caption, captions
from slaibench.report.figures.style import COLOURS
from slaibench.report.headline import headline
from slaibench.report.numbers import Document, identity
from slaibench.report.tables import audit_table, tables
from slaibench.report.words import BEYOND, TOO_SMALL, percent, short_names

CONVENTIONS = {
    "strict": "Strict conventions: open-loop arrivals that are never cut, TTFT from the intended "
    "arrival, requests still waiting at the end count as longer than their wait, the warm-up is "
    "cut, and a saturated run meets no target.",
    "paper": "The paper's conventions, which move its numbers: gaps cut at three means (the true "
    "rate is 1.052 times the nominal one), no warm-up cut, TTFT of finished requests only, a zero "
    "in the TBT samples for each first token, percentiles read off a CDF grid; a saturated run may "
    "meet the targets.",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One drawing as the page holds it: an ``img`` element, ready-made."""

    html: str


@dataclass(frozen=True, slots=True)
class _Figure:
    name: str
    caption: Caption
    panels: Sequence[Picture]


def file_stem(doc: Document) -> str:
    """Name of the page without its ending, e.g. ``sweep-h100-mistral-7b-0123abcd``."""
    kind = "sweep" if doc["pair"] is None else "compare"
    served = doc["served"]
    venue = [] if served["venue"] == "sim" else served["venue"].split(":")
    what = dict.fromkeys((*venue, served["place"], doc["cell"]["model"]))
    parts = (kind, *what, identity(doc))
    # A model or GPU of a user's own profile may be named with what no file name takes.
    return "-".join(re.sub(r"[^\w.-]+", "_", part).strip("_") for part in parts)


def render(doc: Document, pictures: Mapping[str, Sequence[Picture]]) -> str:
    """The page. All that can be read in it comes from the document, so that the two agree.

    Args:
        doc: the numbers.
        pictures: by figure; a figure without any is left out.
    """
    import jinja2  # noqa: PLC0415  (only a report needs it)
    from markupsafe import Markup  # noqa: PLC0415

    folder = files("slaibench.report")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string((folder / "report.html.j2").read_text("utf-8"))
    names = short_names(list(doc["schedulers"]))
    return template.render(
        doc=doc,
        css=Markup((folder / "report.css").read_text("utf-8").strip()),
        names=names,
        places={name: place for place, name in enumerate(names)},
        colours={name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)},
        kind=_kind(doc),
        headline=headline(doc),
        about=_about(doc),
        figures=[
            _Figure(name, caption, pictures.get(name, ()))
            for name, caption in captions(doc).items()
            if pictures.get(name) or name == "arrivals"  # whose table is there in any case
        ],
        audit=audit_table(doc),
        tables=tables(doc),
        facts=_facts(doc),
        runs=doc["runs"],
        file_name=f"{file_stem(doc)}.html",
        too_small=TOO_SMALL,
        beyond=BEYOND,
        numbers=Markup(embedded(doc)),
    )


def embedded(doc: Document) -> str:
    """The document as JSON that no HTML parser mistakes for markup."""
    text = json.dumps(doc, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _kind(doc: Document) -> str:
    served = doc["served"]
    what = "Comparison" if doc["pair"] else "Sweep"
    return f"{what}: {doc['cell']['model']} on {served['place']}, backend {served['venue']}"


def _about(doc: Document) -> str:
    about = str(doc["about"])
    parts = [f"{about[:1].upper()}{about[1:]}."]
    if doc["workload_note"]:
        parts.append(f"Workload {doc['cell']['workload']}: {doc['workload_note']}.")
    parts.append(CONVENTIONS[doc["spec"]["convention"]])
    return " ".join(parts)


def _facts(doc: Document) -> list[tuple[str, list[tuple[str, str]]]]:
    """Tables of names and values: what was asked, what ran, by which profile, with what."""
    schedulers = [
        (
            name,
            _text(policy["options"]) + (f"; code {policy['source']}" if policy["source"] else ""),
        )
        for name, policy in doc["schedulers"].items()
    ]
    asked = doc["spec"].items()
    found = [
        ("Asked", [(name, "default" if value is None else _text(value)) for name, value in asked]),
        ("Every run", [(n, _text(v)) for n, v in doc["cell"].items() if v is not None]),
        ("What served", [(n, _text(v)) for n, v in doc["served"].items() if v is not None]),
        ("Schedulers and their options", schedulers),
    ]
    if doc["profile"] is not None:
        found.append(("Profile", _profile(doc)))
    versions = [(name, _text(value)) for name, value in doc["made"]["versions"].items()]
    recorded = [("recorded by slaibench", doc["cell"]["slaibench_version"])]
    return [*found, ("Versions", [*recorded, *versions])]


def _profile(doc: Document) -> list[tuple[str, str]]:
    facts = dict(doc["profile"])
    errors = facts.pop("errors", {})
    rows = [(name, _text(value)) for name, value in facts.items()]
    rows += [
        (f"error: {name.replace('_', ' ')}", percent(value, 1)) for name, value in errors.items()
    ]
    if not errors:
        rows.append(("error", "not known"))
    for name, value in doc["made"]["profile"].items():
        rows.append((name, " ".join(value) if name == "notes" else _text(value)))
    return rows


def _text(value: Any) -> str:
    """A JSON value as a reader wants it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}={_text(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
