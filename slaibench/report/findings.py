"""What follows from comparing schedulers, in words: ratios, paired changes, latencies."""

from __future__ import annotations

from collections.abc import Mapping

from slaibench.report.numbers import rate_key
from slaibench.report.study_document import (
    PageEstimate,
    PageRatio,
    StudyNumbers,
    changes_in,
    compared_in,
    value_and_ends,
)
from slaibench.report.words import (
    change,
    each_alone,
    listed,
    plural,
    rate,
    seconds,
    short_names,
    significant,
    together,
)

NO_RATIO = "no ratio or no interval"
MOST_NAMED = 3
"""With more schedulers than this, sentences sum them up instead of going through them."""


def findings(doc: StudyNumbers) -> tuple[str, ...]:
    """Sentences for the top of the page, most telling first."""
    alone = each_alone(len(changes_in(doc)))
    compared = [*_ratios(doc), *_changes(doc), *([alone] if alone else [])]
    return (*_invalid(doc), *compared, *_latencies(doc))


def _invalid(doc: StudyNumbers) -> list[str]:
    """How many runs are no measurement, and why the first is not."""
    invalid = [run for run in doc["runs"] if run["invalid"]]
    if not invalid:
        return []
    first, names = invalid[0], short_names(list(doc["schedulers"]))
    verb = "is invalid and meets" if len(invalid) == 1 else "are invalid and meet"
    return [
        f"{len(invalid):,} of {plural(len(doc['runs']), 'run')} {verb} no target; "
        f"{names[first['scheduler']]} at {rate(first['rate_rps'])} requests/s, seed "
        f"{first['seed']}: {first['invalid']}."
    ]


def _ratios(doc: StudyNumbers) -> list[str]:
    """Capacities against that of the first scheduler."""
    reference, *others = doc["schedulers"]
    ratios = {r["scheduler"]: r for r in doc["ratios"] if r["reference"] == reference}
    if len(others) <= MOST_NAMED:
        return [_ratio(doc, reference, ratios[name]) for name in others]
    names = short_names(list(doc["schedulers"]))
    groups: dict[str, list[str]] = {}
    for name in others:
        verdict, text = capacity_verdict(ratios[name]), names[name]
        if verdict in ("more", "less") and (values := value_and_ends(ratios[name])):
            value, low, high = map(significant, values)
            text = f"{text} {value} times ({low} to {high})"
        groups.setdefault(verdict, []).append(text)
    parts = [
        f"{verdict}: {listed(groups[verdict])}"
        for verdict in ("more", "not told apart", "less", NO_RATIO)
        if verdict in groups
    ]
    return [f"Capacity against {names[reference]}, over common seeds: {'; '.join(parts)}."]


def capacity_verdict(ratio: PageRatio) -> str:
    """What a ratio of capacities comes to, in a word or two."""
    values = value_and_ends(ratio)
    if values is None:
        return NO_RATIO
    _, low, high = values
    if ratio["n"] < 2 or low <= 1 <= high:
        return "not told apart"
    return "more" if low > 1 else "less"


def _ratio(doc: StudyNumbers, reference: str, ratio: PageRatio) -> str:
    names = short_names(list(doc["schedulers"]))
    who = f"{names[ratio['scheduler']]} against {names[reference]}"
    if ratio["value"] is None:
        return f"{who}: no ratio of capacities, since not both have one."
    shapes = [doc["capacities"][name]["shape"] for name in (reference, ratio["scheduler"])]
    times = f"{significant(ratio['value'])} times the capacity"
    if None in shapes:
        return f"{who}: {_bounded(times, shapes[0], shapes[1])}."
    values = value_and_ends(ratio)
    if values is None:
        return f"{who}: {times}; there is no interval, so this may be chance."
    value, low, high = together(values)
    if values[1] <= 1 <= values[2]:
        verdict = "this includes 1, so the two are not told apart"
    else:
        verdict = f"{'more' if values[1] > 1 else 'less'}, beyond what chance explains"
        if ratio["n"] < 2:
            verdict += "; but with one seed it may be chance"
    seeds = plural(ratio["n"], "common seed")
    return (
        f"{who}: {value} times the capacity ({low} to {high}, 95 % interval, {seeds}): {verdict}."
    )


def _bounded(times: str, reference: str | None, other: str | None) -> str:
    """A ratio of which a side (the one without a shape) is only a lower bound."""
    if reference is None and other is None:
        return "no ratio of capacities, since both are only lower bounds"
    side = "at most" if reference is None else "at least"
    whose = "the second" if reference is None else "the first"
    return f"{side} {times}, since that of {whose} is only a lower bound"


def _changes(doc: StudyNumbers) -> list[str]:
    """The paired changes of TTFT at the focus rate, a sentence for each scheduler."""
    at = rate_key(doc["focus_rate_rps"])
    return [
        _change(doc, name, changes[at])
        for name, changes in changes_in(doc).items()
        if at in changes
    ]


def _change(doc: StudyNumbers, scheduler: str, at_focus: Mapping[str, PageEstimate]) -> str:
    names = short_names(list(doc["schedulers"]))
    a, b = names[compared_in(doc)[0]], names[scheduler]
    parts = []
    for level, change_of in at_focus.items():
        what = "median TTFT" if level == "p50" else f"{level.upper()} TTFT"
        if change_of["value"] is None:
            parts.append(f"the change of {what} cannot be told")
            continue
        sure = "no interval"
        if values := value_and_ends(change_of):
            _, low, high = values
            sure = f"95 % interval {change(low)} to {change(high)}"
            if low <= 0 <= high:
                sure += ", which includes no change"
        parts.append(f"{what} {change(change_of['value'])} ({sure})")
    pairs = next(iter(at_focus.values()))["n"]
    return (
        f"From {a} to {b} at {rate(doc['focus_rate_rps'])} requests/s: {'; '.join(parts)}; "
        f"paired by request and seed, {plural(pairs, 'pair')}."
    )


def _latencies(doc: StudyNumbers) -> list[str]:
    """TTFT at the focus rate, and what the rate is."""
    focus = doc["focus_rate_rps"]
    names = short_names(list(doc["schedulers"]))
    parts: list[str] = []
    medians: list[tuple[float, str]] = []
    saturated: list[str] = []
    undecided: list[str] = []
    for name, points in doc["points"].items():
        point = points.get(rate_key(focus))
        if point is None:
            continue
        p50, p99 = (_or_unknown(point["ttft_s"][level]) for level in ("p50", "p99"))
        parts.append(f"{names[name]} median {p50}, P99 {p99}")
        if (median := point["ttft_s"]["p50"]["value"]) is not None:
            medians.append((median, f"{p50} ({names[name]})"))
        if point["saturated"]:
            saturated.append(names[name])
        elif point["undecided"]:
            undecided.append(names[name])
    states = [f"{listed(saturated)} saturated"] if saturated else []
    if undecided:
        states.append(f"runs of {listed(undecided)} cannot tell whether they are steady")
    steady = "none is saturated there" if len(names) > 1 else "not saturated"
    state = f" ({'; '.join(states) or steady})"
    if len(parts) > MOST_NAMED and len(medians) > 1:
        parts = [f"medians from {min(medians)[1]} to {max(medians)[1]}"]
    return [f"TTFT at {rate(focus)} requests/s{state}: {'; '.join(parts)}."]


def _or_unknown(estimate: PageEstimate) -> str:
    if estimate["beyond"]:
        return "longer than the run"
    return "not told (n too small)" if estimate["value"] is None else seconds(estimate["value"])
