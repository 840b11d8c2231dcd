"""What the figures of a page of capacity bounds are called and how they are read."""

from __future__ import annotations

from slaibench.report.captions import Caption
from slaibench.report.numbers import Document
from slaibench.report.words import plural, significant


def captions(doc: Document) -> dict[str, Caption]:
    """By figure, in the page's order."""
    seeds = plural(doc["ask"]["study"]["num_seeds"], "seed")
    theorem = significant(doc["rad"]["theorem_1_rps"], 4)
    return {
        "throughput": Caption(
            "Saturated throughput as a share of the bound",
            f"Bars: all requests due at once, filling and draining cut off; {seeds}, lines: 95 % "
            "intervals. Small upright mark: the bound within the scheduler's own token budget and "
            "limit of active requests.",
        ),
        "map": Caption(
            "Stability: rate against mean output length",
            "A run a rectangle, one seed, judged as everywhere in slaibench by whether requests "
            "wait ever longer for their first token. The line is the bound: nobody is stable "
            "above it. Outputs are stretched to the mean, prompts stay.",
        ),
        "rad": Caption(
            "RAD under the paper's batch-time model, by cycle and tile",
            f"Share of Theorem 1's {theorem} requests/s; prompts in tiles of 128 tokens, 4 ms a "
            f"tile, no attention, memory never short; {seeds}. Dashed: every batch of decodes "
            "full and no end of cycles. A cost of a step is not in the paper's model. With an end "
            "of cycles: whole runs; without: filling and draining cut off.",
        ),
        "budgets": Caption(
            "Sarathi-Serve's saturated throughput by token budget",
            f"A batch just over a whole tile pays for another one. {seeds}, lines: 95 % intervals. "
            "The same profile and requests throughout; scale cut.",
        ),
    }
