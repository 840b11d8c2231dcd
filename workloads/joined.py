"""Several tables of recorded requests as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.lengths import FloatArray, Lengths, LengthSource, RecordedSource
from slaibench.workloads.table import TableSource

JOIN = " + "
"""Between workloads that are taken together."""


def joined(sources: Sequence[LengthSource]) -> TableSource:
    """All rows, source after source.

    Arrival times are kept where all have them and one source goes on where another ended: the parts
    of one log. Else they are left out, which the note says.

    Raises:
        WorkloadError: one of them is no table.
    """
    tables: list[RecordedSource] = []
    for source in sources:
        if not isinstance(source, RecordedSource):
            raise WorkloadError(
                f"{source.name} is no table of recorded requests, and cannot be joined with others"
            )
        tables.append(source)
    times = [table.arrival_s for table in tables if table.arrival_s is not None]
    arrival_s: FloatArray | None = np.concatenate(times) if times else None
    lost = ""
    if arrival_s is not None and (len(times) < len(tables) or (np.diff(arrival_s) < 0).any()):
        arrival_s = None
        lost = "; arrival times left out, as the files are no parts of one log"
    return TableSource(
        name=JOIN.join(source.name for source in sources),
        note="; ".join(source.note for source in sources) + lost,
        recorded=Lengths(
            np.concatenate([table.recorded.prompt_tokens for table in tables]),
            np.concatenate([table.recorded.output_tokens for table in tables]),
        ),
        arrival_s=arrival_s,
    )
