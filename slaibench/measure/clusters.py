"""Many values a request, such as its gaps between tokens."""

from __future__ import annotations

from dataclasses import dataclass

from slaibench.recording.record import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Clusters:
    """Many values a request, e.g. its gaps between tokens; requests by due time.

    Args:
        values: all requests' values, end to end.
        offsets: request i owns ``values[offsets[i]:offsets[i + 1]]``.
    """

    values: FloatArray
    offsets: IntArray

    def __len__(self) -> int:
        """Number of requests."""
        return len(self.offsets) - 1
