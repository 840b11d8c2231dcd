"""What was asked, what ran and by which profile, as names and texts."""

from __future__ import annotations

from typing import Any

from slaibench.report.numbers import Document
from slaibench.report.words import change, percent

CONVENTIONS = {
    "strict": "Strict conventions: open-loop arrivals that are never cut, TTFT from the intended "
    "arrival, requests still waiting at the end count as longer than their wait, the warm-up is "
    "cut, and a saturated run meets no target.",
    "paper": "The paper's conventions, which move its numbers: gaps cut at three means (the true "
    "rate is 1.052 times the nominal one), no warm-up cut, TTFT of finished requests only, a zero "
    "in the TBT samples for each first token, percentiles read off a CDF grid; a saturated run may "
    "meet the targets.",
}
Facts = list[tuple[str, str]]
"""(name, value) as a reader wants them."""


def asked(doc: Document) -> Facts:
    """A study's specification."""
    return [(n, "default" if v is None else text(v)) for n, v in doc["spec"].items()]


def every_run(doc: Document) -> Facts:
    """What all runs of a study have in common."""
    return [(name, text(value)) for name, value in doc["cell"].items() if value is not None]


def served(doc: Document) -> Facts:
    """The system under test of a study."""
    return [(name, text(value)) for name, value in doc["served"].items() if value is not None]


def schedulers(doc: Document) -> Facts:
    """Schedulers with their options and, where it is a user's own, their code."""
    return [
        (name, text(policy["options"]) + (f"; code {policy['source']}" if policy["source"] else ""))
        for name, policy in doc["schedulers"].items()
    ]


def profile(doc: Document, catalogued: Document) -> Facts:
    """The profile behind a study's batch times; empty without one.

    Args:
        catalogued: what the catalog says of it besides (``page.profile_notes``).
    """
    if doc["profile"] is None:
        return []
    stated = dict(doc["profile"])
    errors = stated.pop("errors", {})
    validations = stated.pop("validations", [])
    rows = [(name, text(value)) for name, value in stated.items()]
    rows += [
        (f"error: {name.replace('_', ' ')}", percent(value, 1)) for name, value in errors.items()
    ]
    if not errors:
        rows.append(("error", "not known"))
    rows += [
        (
            f"validation: {validation['against']}",
            ", ".join(
                f"{name.replace('_', ' ')} {change(value)}"
                for name, value in validation["errors"].items()
            )
            + f"; grade {validation['grades']['all']}; {validation['engine']}, "
            f"{validation['num_requests']} requests scored; {validation['source']}",
        )
        for validation in validations
    ]
    for name, value in catalogued.items():
        rows.append((name, " ".join(value) if name == "notes" else text(value)))
    return rows


def versions(doc: Document, made: Document) -> Facts:
    """Versions that recorded a study, and those that made its page."""
    cell = doc["cell"]
    recorded = [("recorded by slaibench", str(cell["slaibench_version"]))]
    if code := cell.get("code_fingerprint"):
        recorded.append(("by code", code))
    if commit := doc.get("served", {}).get("commit"):
        recorded.append(("of commit", commit))
    return [*recorded, *((name, text(value)) for name, value in made["versions"].items())]


def text(value: Any) -> str:
    """A JSON value as a reader wants it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}={text(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(text, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
