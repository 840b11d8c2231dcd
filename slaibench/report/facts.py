"""What was asked, what ran and by which profile, as names and texts."""

from __future__ import annotations

from collections.abc import Mapping

from slaibench.report.document import Made, ProfileEntry, ProfileNotes
from slaibench.report.study_document import StudyNumbers
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


def planned(spec: Mapping[str, object]) -> Facts:
    """A specification."""
    return [(name, "default" if value is None else text(value)) for name, value in spec.items()]


def every_run(doc: StudyNumbers) -> Facts:
    """What all runs of a study have in common."""
    return [(name, text(value)) for name, value in doc["cell"].items() if value is not None]


def served(system: Mapping[str, object]) -> Facts:
    """The system under test."""
    return [(name, text(value)) for name, value in system.items() if value is not None]


def schedulers(doc: StudyNumbers) -> Facts:
    """Schedulers with their options and, where it is a user's own, their code."""
    return [
        (name, text(policy["options"]) + (f"; code {policy['source']}" if policy["source"] else ""))
        for name, policy in doc["schedulers"].items()
    ]


def profile(recorded: ProfileEntry | None, catalogued: ProfileNotes) -> Facts:
    """The profile behind a study's batch times; empty without one.

    Args:
        recorded: as its recordings have it.
        catalogued: what the catalog says of it besides (``page.profile_notes``).
    """
    if recorded is None:
        return []
    errors = recorded.get("errors", {})
    validations = recorded.get("validations", [])
    rows = [(n, text(value)) for n, value in recorded.items() if n not in ("errors", "validations")]
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
    notes = [("notes", " ".join(catalogued["notes"]))] if "notes" in catalogued else []
    return [*rows, *((n, text(value)) for n, value in catalogued.items() if n != "notes"), *notes]


def study_versions(doc: StudyNumbers, made: Made) -> Facts:
    """Versions that recorded a study, and those that made its page."""
    cell = doc["cell"]
    recorded = [("recorded by slaibench", cell["slaibench_version"])]
    if code := cell.get("code_fingerprint"):
        recorded.append(("by code", code))
    if commit := doc["served"].get("commit"):
        recorded.append(("of commit", commit))
    return [*recorded, *versions(made)]


def versions(made: Made) -> Facts:
    """Versions that made a page."""
    return [(name, text(value)) for name, value in made["versions"].items()]


def text(value: object) -> str:
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
