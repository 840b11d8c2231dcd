"""Several tables of recorded requests as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.hash_ids import HashIds
from slaibench.workloads.lengths import FloatArray, Lengths, LengthSource, RecordedSource
from slaibench.workloads.session_table import SessionTable
from slaibench.workloads.table import TableSource
from slaibench.workloads.terms import Terms, joined_terms

JOIN = " + "
"""Between workloads that are taken together."""


def joined(sources: Sequence[LengthSource]) -> TableSource | SessionTable:
    """All rows, source after source.

    Arrival times are kept where all have them and one source goes on where another ended: the parts
    of one log. Else they are left out, which the note says, and sessions of one are other ones than
    those of the others.

    Raises:
        WorkloadError: one of them is no table, or they do not say the same of their requests.
    """
    tables: list[RecordedSource] = []
    notes = []
    options = set()
    for source in sources:
        if isinstance(source, SessionTable):
            options.add((source.waits, source.think_s))
        table = source.table if isinstance(source, SessionTable) else source
        notes.append(source.table.note if isinstance(source, SessionTable) else source.note)
        if not isinstance(table, RecordedSource):
            raise WorkloadError(
                f"{source.name} is no table of recorded requests, and cannot be joined with others"
            )
        tables.append(table)
    if len(options) > 1:
        raise WorkloadError(
            "tables whose sessions go on by different rules cannot be joined: say the same turns= "
            "and think= of all"
        )
    times = [table.arrival_s for table in tables if table.arrival_s is not None]
    arrival_s: FloatArray | None = np.concatenate(times) if times else None
    lost = ""
    if arrival_s is not None and (len(times) < len(tables) or (np.diff(arrival_s) < 0).any()):
        arrival_s = None
        lost = "; arrival times left out, as the files are no parts of one log"
    parts = [table.recorded for table in tables]
    if arrival_s is None:
        parts = [_renamed(part, f"{number}/") for number, part in enumerate(parts)]
    whole = TableSource(
        name=JOIN.join(source.name for source in sources),
        note="; ".join(notes) + lost,
        recorded=Lengths(
            np.concatenate([part.prompt_tokens for part in parts]),
            np.concatenate([part.output_tokens for part in parts]),
            _contents(parts),
            _terms(parts),
        ),
        arrival_s=arrival_s,
    )
    return SessionTable(whole, *options.pop()) if options else whole


def _renamed(lengths: Lengths, prefix: str) -> Lengths:
    """With names of sessions that no other part has."""
    terms = lengths.terms
    if terms is None or (names := terms.get("session")) is None:
        return lengths
    own = np.where(names == "", "", np.char.add(prefix, names))
    return replace(lengths, terms=Terms({**terms.columns, "session": own}))


def _contents(parts: Sequence[Lengths]) -> HashIds | None:
    """Blocks of all rows; equal numbers are equal blocks in all parts.

    Raises:
        WorkloadError: their blocks are of several sizes, or prompts of a part begin alike.
    """
    for part in parts:
        if part.contents is not None and not isinstance(part.contents, HashIds):
            raise WorkloadError(
                "a workload whose prompts share a beginning cannot be joined with others: give the "
                "tables without it, and --shared-prefix for all of them"
            )
    named = [part.contents for part in parts if isinstance(part.contents, HashIds)]
    sizes = {blocks.block_tokens for blocks in named}
    if len(sizes) > 1:
        raise WorkloadError(
            f"files whose hash_ids are of blocks of {' and '.join(map(str, sorted(sizes)))} tokens "
            "cannot be joined: give one of them"
        )
    if not sizes:
        return None
    counts = [
        np.diff(part.contents.offsets)
        if isinstance(part.contents, HashIds)
        else np.zeros(len(part), dtype=np.int64)
        for part in parts
    ]
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return HashIds(sizes.pop(), offsets, np.concatenate([blocks.ids for blocks in named]))


def _terms(parts: Sequence[Lengths]) -> Terms | None:
    try:
        return joined_terms([(len(part), part.terms) for part in parts])
    except KeyError as error:
        raise WorkloadError(
            f"files of which only some have a column {error.args[0]} cannot be joined: say it of "
            "all requests, or of none"
        ) from None
