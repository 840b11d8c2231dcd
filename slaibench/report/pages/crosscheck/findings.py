"""How far backends agree, in words: no more certain than the numbers are."""

from __future__ import annotations

from collections import Counter

from slaibench.report.pages.crosscheck.conclusions import conclusions
from slaibench.report.pages.crosscheck.document import CrosscheckDocument
from slaibench.report.pages.crosscheck.quantities import Apart, apart
from slaibench.report.pages.crosscheck.subject import others, reference, runs_of
from slaibench.report.template import Headline
from slaibench.report.words import hundredths, listed, plural, rate, short_names
from slaibench.studies.crosscheck.agreement import AgreementVerdict
from slaibench.studies.crosscheck.forms import MatchForm

PHRASES = {
    AgreementVerdict.IDENTICAL: "identical",
    AgreementVerdict.WITHIN: "within tolerance",
    AgreementVerdict.BEYOND: "beyond tolerance",
    AgreementVerdict.UNTOLD: "too few requests to tell",
    AgreementVerdict.INVALID: "invalid",
}
MOST_ROWS, MOST_QUANTITIES = 4, 2
"""Rows beyond tolerance that a sentence names, and quantities of each; the tables have all."""


def headline(doc: CrosscheckDocument) -> Headline:
    """Put the page's numbers into words; everything comes from the document."""
    judged = (_rows(doc), *_invalid(doc), *_beyond(doc), *_largest(doc), *_unjudged(doc))
    return Headline(_title(doc), (*judged, *_conclusions(doc)))


def _title(doc: CrosscheckDocument) -> str:
    counts = Counter(match["verdict"] for match in doc["matches"])
    total = len(doc["matches"])
    where = f"The same requests on {listed(doc['between'])}"
    parts = [(text, counts[v.value]) for v, text in PHRASES.items() if counts[v.value]]
    if len(parts) == 1:
        rows = f"all {total:,} rows" if total > 1 else "the one row"
        return f"{where}: {parts[0][0]} in {rows}"
    (first, count), *middle, (last, rest) = parts
    texts = [f"{first} in {count:,} of {total:,} rows", *(f"{t} in {c:,}" for t, c in middle)]
    return f"{where}: {', '.join([*texts, f'{last} in the other {rest:,}'])}"


def _rows(doc: CrosscheckDocument) -> str:
    seeds = plural(max(match["seeds"] for match in doc["matches"]), "seed")
    compared = listed(others(doc))
    verb = "is" if len(others(doc)) == 1 else "are"
    return (
        f"A row is one scheduler at one rate on one backend. {compared} {verb} held against "
        f"{doc['between'][0]}: the same requests, due at the same times, {seeds} a row. Identical "
        "means that every batch and every token came at the same time."
    )


def _invalid(doc: CrosscheckDocument) -> list[str]:
    every = runs_of(doc)
    invalid = [run for run in every if run["invalid"]]
    if not invalid:
        return []
    first, names = invalid[0], _names(doc)
    verb = "is invalid and stands" if len(invalid) == 1 else "are invalid and stand"
    return [
        f"{len(invalid):,} of {plural(len(every), 'run')} {verb} for nothing; "
        f"{names[first['scheduler']]} at {rate(first['rate_rps'])} requests/s on "
        f"{first['backend']}, seed {first['seed']}: {first['invalid']}."
    ]


def _beyond(doc: CrosscheckDocument) -> list[str]:
    """Every row that is beyond, with the quantities that make it so."""
    rows = [match for match in doc["matches"] if match["verdict"] == AgreementVerdict.BEYOND]
    parts = []
    for match in rows[:MOST_ROWS]:
        far = [difference for difference in apart(match) if difference.used > 1]
        texts = [difference.judged for difference in far[:MOST_QUANTITIES]]
        more = [f"{len(far) - MOST_QUANTITIES} more"] if len(far) > MOST_QUANTITIES else []
        parts.append(f"{_where(doc, match)}: {listed([*texts, *more])}")
    if not parts:
        return []
    rest = f"; and {plural(len(rows) - MOST_ROWS, 'more row')}" if len(rows) > MOST_ROWS else ""
    return [f"Beyond tolerance: {'; '.join(parts)}{rest}."]


def _largest(doc: CrosscheckDocument) -> list[str]:
    """Of the rows within tolerance, the difference that uses most of it."""
    pairs = [
        (difference, match)
        for match in doc["matches"]
        if match["verdict"] == AgreementVerdict.WITHIN
        for difference in apart(match)
        if difference.used
    ]
    if not pairs:
        return []
    most, match = max(pairs, key=lambda pair: pair[0].used)
    return [f"Largest difference within its tolerance: {most.judged}, {_where(doc, match)}."]


def _unjudged(doc: CrosscheckDocument) -> list[str]:
    """What differs without a verdict, by quantity: the span over all rows."""
    spans: dict[str, list[Apart]] = {}
    for match in doc["matches"]:
        for difference in apart(match) if match["verdict"] != AgreementVerdict.INVALID else ():
            if difference.tolerance is None:
                spans.setdefault(difference.title, []).append(difference)
    if not spans:
        return []
    texts = []
    for title, rows in spans.items():
        changes = sorted(row.change for row in rows if row.change is not None)
        ends = list(dict.fromkeys(hundredths(end) for end in (*changes[:1], *changes[-1:])))
        span = f" {' to '.join(ends)}" if ends else f", of which {doc['between'][0]} has none"
        texts.append(f"{title}{span} (in {plural(len(rows), 'row')})")
    return [f"Without a tolerance, and so without a verdict: {'; '.join(texts)}."]


def _conclusions(doc: CrosscheckDocument) -> list[str]:
    judged = [conclusion for conclusion in conclusions(doc) if conclusion.conclusive]
    if not judged:
        return []
    different = [conclusion for conclusion in judged if not conclusion.same]
    if different:
        parts = []
        for conclusion in different:
            pairs = zip(doc["between"], conclusion.verdicts or (), strict=True)
            parts.append(f"{conclusion.title}: {', '.join(f'{v} on {name}' for name, v in pairs)}")
        return [f"Not every backend leads to the same conclusion: {'; '.join(parts)}."]
    what = f"{judged[0].title}: {(judged[0].verdicts or ('',))[0]}"
    more = f", and {plural(len(judged) - 1, 'more')} below" if len(judged) > 1 else ""
    return [f"The conclusions are the same on every backend ({what}{more})."]


def _where(doc: CrosscheckDocument, match: MatchForm) -> str:
    who = _names(doc)[match["scheduler"]]
    return f"{who} at {rate(match['rate_rps'])} requests/s on {match['other']}"


def _names(doc: CrosscheckDocument) -> dict[str, str]:
    return short_names(list(reference(doc)["schedulers"]))
