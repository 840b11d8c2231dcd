"""What each of the paper's figures is called here, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from slaibench.report.captions import Caption
from slaibench.report.words import listed
from slaibench.reproductions.bari2025.figures import FIGURES, HIGH_RPS, INFERRED, Kind
from slaibench.reproductions.bari2025.forms import BlockForm, BudgetForm, MemoryForm, PointForm
from slaibench.reproductions.bari2025.page.document import PaperDocument

CONVENTIONS = ("paper", "strict")
Shown = Mapping[str, object]
"""What a figure shows: each kind of figure has a form of its own (``series``)."""


def captions(doc: PaperDocument) -> dict[str, Caption]:
    """By figure, in the page's order."""
    return {
        name: Caption(f"Figure {name}: {FIGURES[name].title}", _text(doc, name))
        for name in doc["figures"]
    }


def _text(doc: PaperDocument, name: str) -> str:
    return _TEXTS[FIGURES[name].kind](doc, doc["figures"][name])


def _budgets(doc: PaperDocument, shown: Shown) -> str:
    del doc
    ours = cast("list[BudgetForm]", shown["ours"])
    return (
        "Prompts of 2,048 tokens served one at a time by Sarathi-Serve. A batch's mean is over the "
        "prompt's chunks and one decode, as in the published values (stars). The profile's time "
        "between steps was fitted to a loaded engine, 9.8 ms where this figure alone would take "
        f"3.5 ms: hence too long, most of all with small budgets. n = {ours[0]['n']} "
        "prompts a budget, all alike: no interval."
    )


def _blocks(doc: PaperDocument, shown: Shown) -> str:
    last = cast("list[BlockForm]", shown["ours"])[-1]
    return (
        "Most KV blocks in use (numbers above the bars) while so many requests decode their first "
        f"token. {last['num_requests']} of them hold {last['kv_blocks']:,} of "
        f"{doc['served']['kv_blocks']:,} blocks. No published values are known but the number of "
        "blocks."
    )


def _batches(doc: PaperDocument, shown: Shown) -> str:
    del doc, shown
    return (
        "One batch of 512 tokens: so many decodes at position 513, and one chunk with the rest. "
        "SLAI makes it, with decodes that may wait until the last prompt leaves room for them. "
        "No published values are known but that it grows."
    )


def _ttft(doc: PaperDocument, shown: Shown) -> str:
    return (
        "Left by the paper's conventions, right by strict ones. Stars: what the paper prints (the "
        "rate at which the median reaches 0.5 s, and the median at high load), in the colour of "
        f"its scheduler; {INFERRED}. The axis holds all but prefill first, which may leave it. "
        f"{_seeds(doc)}{_states(shown)}"
    )


def _ttft_log(doc: PaperDocument, shown: Shown) -> str:
    return (
        "The same runs as figure 7c, on a logarithmic axis that holds prefill first as well. "
        f"{_seeds(doc)}{_states(shown)}"
    )


def _tbt(doc: PaperDocument, shown: Shown) -> str:
    return (
        "Gap between successive tokens of a request, all gaps of the tier together; the dashed "
        f"line is its SLO. No published values are known. {_seeds(doc)}{_states(shown)}"
    )


def _memory(doc: PaperDocument, shown: Shown) -> str:
    parts = []
    for convention in CONVENTIONS:
        shares = [
            f"{doc['schedulers'][name]} {100 * mean:.0f} % ({100 * full:.0f} %)"
            for name, memory in cast("Mapping[str, MemoryForm]", shown[convention]).items()
            if (mean := memory["kv_mean"]["value"]) is not None
            and (full := memory["nearly_full"]["value"]) is not None
        ]
        parts.append(f"{convention} conventions: {listed(shares)}")
    return (
        "Share of KV blocks in use, first seed. Mean over time and seeds (in brackets: share of "
        f"the time with 96 % of the blocks or more in use), {'; '.join(parts)}."
    )


def _served(doc: PaperDocument, shown: Shown) -> str:
    del doc, shown
    return (
        f"Requests that got a first token, a minute, at {HIGH_RPS:g} requests/s, in buckets of 512 "
        "prompt tokens; seeds together. Where lines lie on each other, as many were served."
    )


def _mean_ttft(doc: PaperDocument, shown: Shown) -> str:
    del doc, shown
    return (
        f"Mean TTFT at {HIGH_RPS:g} requests/s in buckets of 512 prompt tokens: who waits for "
        "whose sake. By the paper's conventions of finished requests only; by strict ones those "
        "still waiting count with their wait so far."
    )


def _by_tier(doc: PaperDocument, shown: Shown) -> str:
    del shown
    seeds = doc["spec"]["num_seeds"]
    intervals = "one seed: no interval" if seeds == 1 else f"lines: 95 % intervals, {seeds} seeds"
    return (
        "SLAI with paying requests before all others, and shortest prompt first among each, at "
        f"{HIGH_RPS:g} requests/s; {intervals}. No published values are known."
    )


_TEXTS: dict[Kind, Callable[[PaperDocument, Shown], str]] = {
    Kind.BUDGETS: _budgets,
    Kind.BLOCKS: _blocks,
    Kind.BATCHES: _batches,
    Kind.TBT_PAYING: _tbt,
    Kind.TBT_FREE: _tbt,
    Kind.TTFT: _ttft,
    Kind.TTFT_LOG: _ttft_log,
    Kind.MEMORY: _memory,
    Kind.SERVED: _served,
    Kind.MEAN_TTFT: _mean_ttft,
    Kind.BY_TIER: _by_tier,
}


def _seeds(doc: PaperDocument) -> str:
    seeds = doc["spec"]["num_seeds"]
    paper = "none: one seed" if seeds == 1 else f"t over {seeds} seeds"
    return (
        f"Bands and bars: 95 % intervals, by the paper's conventions {paper}, by strict ones from "
        "how many requests of all seeds together exceed a value; where runs are too short for one, "
        "or saturated, there is none."
    )


def _states(shown: Shown) -> str:
    points = [
        point
        for convention in CONVENTIONS
        for rates in cast("Mapping[str, Mapping[str, PointForm]]", shown[convention]).values()
        for point in rates.values()
    ]
    if any(point["saturated"] for point in points):
        return " Hollow, dotted: saturated."
    return ""
