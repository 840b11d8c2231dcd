"""A source of lengths that is a table of recorded requests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.lengths import (
    Description,
    FloatArray,
    Lengths,
    summarize,
)


@dataclass(frozen=True, slots=True)
class TableSource:
    """Recorded lengths, with arrival times where the recording has them.

    Args:
        name: what the user writes to have it.
        note: one line for the output.
        recorded: all rows in recorded order, at least one.
        arrival_s: arrival times in seconds, ascending, one a row; None: not recorded.

    Raises:
        WorkloadError: no rows, a length below 1, or arrival times that do not fit.
    """

    name: str
    note: str
    recorded: Lengths
    arrival_s: FloatArray | None = None

    def __post_init__(self) -> None:
        if len(self.recorded) == 0:
            raise WorkloadError(f"{self.name}: a table of lengths needs at least one row")
        for column in ("prompt_tokens", "output_tokens"):
            values = getattr(self.recorded, column)
            if values.min() < 1:
                row = int(np.argmax(values < 1))
                raise WorkloadError(
                    f"{self.name}: {column} must be at least 1, not {values[row]} (row {row + 1})"
                )
        if self.arrival_s is not None:
            if len(self.arrival_s) != len(self.recorded):
                raise WorkloadError(
                    f"{self.name}: {len(self.arrival_s)} arrival times for "
                    f"{len(self.recorded)} rows"
                )
            if not (self.arrival_s[0] >= 0 and np.all(np.diff(self.arrival_s) >= 0)):
                raise WorkloadError(f"{self.name}: arrival times must be at least 0 and ascending")

    @property
    def identity(self) -> str:
        """A digest of the numbers themselves: the same in a CSV and in its parquet copy."""
        digest = hashlib.sha256()
        for column in (self.recorded.prompt_tokens, self.recorded.output_tokens):
            digest.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
        if self.arrival_s is not None:
            digest.update(np.ascontiguousarray(self.arrival_s, dtype="<f8").tobytes())
        if self.recorded.contents is not None:
            digest.update(self.recorded.contents.identity.encode())
        if self.recorded.terms is not None:
            digest.update(self.recorded.terms.identity.encode())
        return f"table:{digest.hexdigest()}"

    def sample(self, num_requests: int, rng: np.random.Generator) -> Lengths:
        """Rows in random order, none twice before all were had once.

        When more are wanted than there are, further permutations follow. Arrival times play no
        part.
        """
        rows = len(self.recorded)
        rounds = max(1, -(-num_requests // rows))
        order = np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:num_requests]
        return self.recorded.take(order)

    def describe(self) -> Description:
        return summarize(self.recorded)
