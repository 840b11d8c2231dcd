"""Claims that are orderings or shapes, each with the figures that show it, and those of batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slaibench.reproductions.bari2025.batches import BatchRow, BlockRow, BudgetRow
from slaibench.reproductions.bari2025.claim import Claim, Finding
from slaibench.reproductions.bari2025.figures import (
    HIGH_RPS,
    LABELS,
    SARATHI,
    SARATHI_SPF,
    SLAI,
    SLAI_FCFS,
    SLAI_FIXED,
)
from slaibench.reproductions.bari2025.findings import (
    LITTLE,
    SAME_WITHIN,
    fixed_5_saturates,
    fixed_10_underuses,
    order_of_ttft,
    paying_below_free,
    paying_below_free_by_little,
    prefill_first_breaks,
    prefill_first_lowest,
    prefill_first_serves_less,
    tails,
    ttft_grows_with_prompt,
)
from slaibench.reproductions.bari2025.load import Load
from slaibench.reproductions.bari2025.numbers import Both
from slaibench.reproductions.bari2025.verdict import ClaimVerdict, grows, rises, rises_falls_rises

OF_SARATHI = "Sarathi (both orders)", (SARATHI, SARATHI_SPF)
OF_SLAI = "SLAI (all three variants)", (SLAI_FCFS, SLAI_FIXED, SLAI)
"""What the text calls Sarathi and SLAI, where it speaks of a figure's tails."""
AT_HIGH = f"at {HIGH_RPS:g} requests/s"


@dataclass(frozen=True, slots=True)
class Shape:
    """A claim that is no number.

    Args:
        name: what it is, without the figure.
        figures: that show it, of one mix; the first names the claim.
        text: the claim.
        find: what a load says of it.
    """

    name: str
    figures: tuple[str, ...]
    text: str
    find: Callable[[Load], Finding]

    def claim(self, loads: Both) -> Claim:
        paper, strict = (self.find(load) for load in loads)
        name = f"{self.name}-{self.figures[0]}"
        return Claim(name, ", ".join(self.figures), self.text, None, paper, strict)


def _order(*figures: str) -> Shape:
    text = (
        f"median TTFT under load (taken as {HIGH_RPS:g} requests/s), worst to best: Sarathi FCFS, "
        "Sarathi SPF, SLAI fixed, SLAI dynamic"
    )
    return Shape("order-of-ttft", figures, text, order_of_ttft)


def _tail_rises(tier: str, figure: str, who: str, schedulers: tuple[str, ...]) -> Shape:
    text = f"P99 TBT of {tier} requests under {who} rises with load"
    name = f"tail-rises-{who.partition(' ')[0].lower()}"
    return Shape(name, (figure,), text, tails(rises, schedulers, tier))


def _grows_with_prompt(scheduler: str) -> Shape:
    text = (
        f"shortest prompt first serves long prompts later: mean TTFT under {LABELS[scheduler]} "
        f"grows with the prompt {AT_HIGH} (what the order is for; no words of the paper on this "
        "panel are known to us)"
    )
    name = f"ttft-grows-{scheduler.partition(':')[0]}"
    return Shape(name, ("9c",), text, ttft_grows_with_prompt(scheduler))


SHAPES = (
    _tail_rises("paying", "7a", *OF_SARATHI),
    _tail_rises("paying", "7a", *OF_SLAI),
    Shape(
        "prefill-first-breaks",
        ("7a", "7b"),
        "prefill first breaks P99 TBT at a lower rate than Sarathi-Serve and SLAI",
        prefill_first_breaks,
    ),
    _tail_rises("free", "7b", *OF_SARATHI),
    Shape(
        "free-tail",
        ("7b",),
        f"P99 TBT of free requests under {OF_SLAI[0]} rises with load, falls, rises again",
        tails(rises_falls_rises, OF_SLAI[1], "free"),
    ),
    _order("7c", "9a"),
    Shape(
        "prefill-first-lowest",
        ("7c", "9a"),
        "prefill first has the lowest median TTFT at low load",
        prefill_first_lowest,
    ),
    Shape(
        "fixed-5-saturates",
        ("8",),
        f"fixed 5 saturates the memory {AT_HIGH} (96 % of the blocks in use more than half of the "
        "time)",
        fixed_5_saturates,
    ),
    Shape(
        "fixed-10-underuses",
        ("8",),
        f"fixed 10 underuses the memory {AT_HIGH} (less of it than the dynamic offset)",
        fixed_10_underuses,
    ),
    Shape(
        "prefill-first-serves-less",
        ("9b",),
        f"prefill first fails to maintain throughput {AT_HIGH}: of the requests due it serves a "
        f"share smaller than every other policy's, by more than {SAME_WITHIN:.0%}",
        prefill_first_serves_less,
    ),
    *(_grows_with_prompt(scheduler) for scheduler in (SARATHI_SPF, SLAI)),
    Shape(
        "paying-below-free",
        ("10",),
        f"paying requests first: their mean TTFT lies below that of free ones {AT_HIGH}",
        paying_below_free,
    ),
    Shape(
        "paying-below-free-by-little",
        ("10",),
        f"paying requests first: it does so by little (by at most {LITTLE:.0%})",
        paying_below_free_by_little,
    ),
    _order("11c"),
    _order("12c"),
)


def load_shapes(figure: str, figures: Sequence[str], loads: Both) -> list[Claim]:
    """The shape claims of one figure, but for those that an earlier one shows as well.

    Args:
        figure: whose.
        figures: all that are redone, in the paper's order.
        loads: of the figure's mix.
    """
    return [
        shape.claim(loads)
        for shape in SHAPES
        if figure == next((name for name in figures if name in shape.figures), None)
    ]


def batch_shapes(
    budgets: Sequence[BudgetRow],
    blocks: Sequence[BlockRow],
    batches: Sequence[BatchRow],
    num_laid_out: int,
) -> list[Claim]:
    """What grows with what in figure 6; of those parts that were run.

    Args:
        num_laid_out: how many ``batches`` were to come about; 0: that part was not run.
    """
    series: list[tuple[str, str, str, list[float], str]] = []
    if budgets:
        series.append(
            (
                "batch-grows-with-budget",
                "6a",
                "a larger token budget makes a batch take longer",
                [row.batch_s for row in budgets],
                f"{1e3 * budgets[0].batch_s:.1f} to {1e3 * budgets[-1].batch_s:.1f} ms",
            )
        )
    if blocks:
        series.append(
            (
                "blocks-grow",
                "6b",
                "KV blocks in use grow with the number of requests",
                [row.kv_blocks for row in blocks],
                f"{blocks[0].share:.0%} to {blocks[-1].share:.0%} of all blocks",
            )
        )
    claims = [
        Claim(name, figure, text, None, Finding(None, grows(values), seen), None)
        for name, figure, text, values, seen in series
    ]
    if num_laid_out:
        claims.append(_decodes(batches, num_laid_out))
    return claims


def _decodes(batches: Sequence[BatchRow], num_laid_out: int) -> Claim:
    finding = Finding(
        None, ClaimVerdict.UNDECIDED, f"{len(batches)} of {num_laid_out} batches came about"
    )
    if len(batches) == num_laid_out:
        first, last = (1e3 * batches[place].batch_s for place in (0, -1))
        verdict = grows([row.batch_s for row in batches])
        finding = Finding(None, verdict, f"{first:.1f} to {last:.1f} ms")
    text = "a 512-token batch takes longer the more of its tokens are decodes"
    return Claim("batch-grows-with-decodes", "6c", text, None, finding, None)
