"""Another workload with so many more tokens, with which all of its prompts begin."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from slaibench.workloads.content import SharedBeginning
from slaibench.workloads.lengths import (
    Description,
    Lengths,
    LengthSource,
    RecordedSource,
    summarize_sample,
)
from slaibench.workloads.session_model import SessionModel
from slaibench.workloads.session_table import SessionTable
from slaibench.workloads.sessions import Sessions
from slaibench.workloads.table import TableSource

SHARED_PREFIX = "shared-prefix"


@dataclass(frozen=True, slots=True)
class SharedPrefix:
    """A source that is drawn from, with a beginning for all prompts.

    Args:
        source: what follows it.
        tokens: of the beginning.
    """

    source: LengthSource
    tokens: int

    @property
    def name(self) -> str:
        return f"{SHARED_PREFIX}:{self.tokens}:{self.source.name}"

    @property
    def note(self) -> str:
        return f"{self.source.note}; all prompts begin with the same {self.tokens} tokens"

    @property
    def identity(self) -> str:
        return f"{SHARED_PREFIX}:{self.tokens}:{self.source.identity}"

    def sample(self, num_requests: int, rng: np.random.Generator) -> Lengths:
        """See `LengthSource.sample`."""
        return self.after(self.source.sample(num_requests, rng))

    def describe(self) -> Description:
        return summarize_sample(self)

    def after(self, lengths: Lengths) -> Lengths:
        """The lengths with the beginning before them."""
        shared = SharedBeginning(self.tokens, lengths.contents)
        return replace(lengths, prompt_tokens=lengths.prompt_tokens + self.tokens, contents=shared)


@dataclass(frozen=True, slots=True)
class SharedPrefixSessions(SharedPrefix):
    """The same of a source whose requests come in sessions."""

    source: SessionModel

    @property
    def waits(self) -> bool:
        return self.source.waits

    @property
    def described_sessions(self) -> int:
        return self.source.described_sessions

    def sessions(self, num_sessions: int, rng: np.random.Generator) -> Sessions:
        """See `SessionSource.sessions`."""
        sessions = self.source.sessions(num_sessions, rng)
        return sessions.with_turns(self.after(sessions.turns))


def with_shared_prefix(source: LengthSource, tokens: int) -> LengthSource:
    """A source whose prompts all begin alike; of a table, another table."""
    if isinstance(source, SessionTable):
        table = with_shared_prefix(source.table, tokens)
        assert isinstance(table, TableSource)
        return replace(source, table=table)
    if isinstance(source, SessionModel):
        return SharedPrefixSessions(source, tokens)
    drawn = SharedPrefix(source, tokens)
    if not isinstance(source, RecordedSource):
        return drawn
    return TableSource(drawn.name, drawn.note, drawn.after(source.recorded), source.arrival_s)
