"""Claims about single batches: what grows with what in figure 6."""

from __future__ import annotations

from collections.abc import Sequence

from slaibench.reproductions.bari2025.batches import BatchRow, BlockRow, BudgetRow
from slaibench.reproductions.bari2025.claim import Claim, Finding
from slaibench.reproductions.bari2025.verdict import Verdict, grows


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
    found: list[tuple[str, str, str, list[float], str]] = []
    if budgets:
        found.append(
            (
                "batch-grows-with-budget",
                "6a",
                "a larger token budget makes a batch take longer",
                [row.batch_s for row in budgets],
                f"{1e3 * budgets[0].batch_s:.1f} to {1e3 * budgets[-1].batch_s:.1f} ms",
            )
        )
    if blocks:
        found.append(
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
        for name, figure, text, values, seen in found
    ]
    if num_laid_out:
        claims.append(_decodes(batches, num_laid_out))
    return claims


def _decodes(batches: Sequence[BatchRow], num_laid_out: int) -> Claim:
    finding = Finding(None, Verdict.UNTOLD, f"{len(batches)} of {num_laid_out} batches came about")
    if len(batches) == num_laid_out:
        first, last = (1e3 * batches[place].batch_s for place in (0, -1))
        verdict = grows([row.batch_s for row in batches])
        finding = Finding(None, verdict, f"{first:.1f} to {last:.1f} ms")
    text = "a 512-token batch takes longer the more of its tokens are decodes"
    return Claim("batch-grows-with-decodes", "6c", text, None, finding, None)
