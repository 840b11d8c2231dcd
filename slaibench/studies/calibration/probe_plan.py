"""What the probe runs: the requests it takes, and what each step of the engine is to be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from slaibench.studies.calibration.probe import DECODER, PROMPT
from slaibench.workloads.request import Request

PATIENT_S = 1e6
"""A TBT that nobody misses."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One step.

    Args:
        cell: number of the cell it measures.
        first, decodes: of the pool, which request decodes first and how many do, in a circle.
        chunks: (number of the prompt, tokens).
    """

    cell: int
    first: int
    decodes: int
    chunks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """What the probe runs in one go (``slaibench.studies.calibration.probe``).

    Args:
        pool: prompt tokens of the requests that decode.
        visits: in their order; each prompt's chunks come one after the other.
    """

    pool: tuple[int, ...]
    visits: tuple[Visit, ...]

    @property
    def prompts(self) -> tuple[int, ...]:
        """Tokens of each prompt: all its chunks."""
        total: Counter[int] = Counter()
        for visit in self.visits:
            for number, tokens in visit.chunks:
                total[number] += tokens
        return tuple(total[number] for number in range(len(total)))

    def num_decodes(self) -> list[int]:
        """How often each request of the pool decodes."""
        size = len(self.pool)
        counts = [0] * size
        for visit in self.visits:
            for offset in range(visit.decodes):
                counts[(visit.first + offset) % size] += 1
        return counts

    def requests(self) -> list[Request]:
        """All are due at once; each ends with its last visit."""
        decoders = [
            (tokens, 1 + count, f"{DECODER}{number}")
            for number, (tokens, count) in enumerate(
                zip(self.pool, self.num_decodes(), strict=True)
            )
        ]
        prompts = [(tokens, 1, f"{PROMPT}{number}") for number, tokens in enumerate(self.prompts)]
        return [
            Request(number, 0.0, prompt, output, tier, PATIENT_S)
            for number, (prompt, output, tier) in enumerate([*decoders, *prompts])
        ]

    def write(self, path: Path) -> None:
        """Where the probe finds it."""
        values = {
            "num_decoders": len(self.pool),
            "num_prompts": len(self.prompts),
            "visits": [
                [visit.cell, visit.first, visit.decodes, visit.chunks] for visit in self.visits
            ],
        }
        path.write_text(json.dumps(values), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One step as it was measured.

    Args:
        cell: its cell's number, or ``probe.NO_VISIT``.
        decodes: requests that decoded.
        context_tokens: KV tokens that they read, their own new ones among them.
        chunks: (tokens, tokens before them).
        cycle_s: from its start to the start of the next.
        between_s: from its end to the start of the next.
        forward_s: how long the device had it; None: the engine does not report it.
    """

    cell: int
    decodes: int
    context_tokens: int
    chunks: tuple[tuple[int, int], ...]
    cycle_s: float
    between_s: float
    forward_s: float | None


def read_steps(lines: Iterable[str]) -> list[ProbeStep]:
    """What the probe wrote; the last step has no next one and is left out, as is a broken line.

    Raises:
        ValueError: a line that no probe writes.
    """
    rows = []
    for line in lines:
        if not line.endswith("\n"):
            break
        rows.append(json.loads(line))
    return [
        ProbeStep(
            cell=cell,
            decodes=decodes,
            context_tokens=context,
            chunks=tuple((tokens, history) for tokens, history in chunks),
            cycle_s=following[1] - start_s,
            between_s=following[1] - end_s,
            forward_s=forward_s,
        )
        for (cell, start_s, end_s, forward_s, decodes, context, chunks), following in pairwise(rows)
    ]
