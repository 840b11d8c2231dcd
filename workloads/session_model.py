"""Sessions of no recording: chats of people, and agents that call tools.

Numbers of turns, texts and answers are geometric, and pauses exponential: one parameter each, the
mean. That they are is our choice, as are the means that no source is given for.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import numpy as np

from slaibench.workloads.content import SYSTEM
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.lengths import (
    DESCRIBED_REQUESTS,
    Description,
    FloatArray,
    Lengths,
    summarize_sample,
)
from slaibench.workloads.options import MOST_NUMBER, Options, parse_count, parse_options
from slaibench.workloads.pauses import exponential, geometric, streams
from slaibench.workloads.session_table import think_of
from slaibench.workloads.sessions import MOST_TURNS, SessionContents, Sessions

MOST_TOKENS = 1 << 30
MOST_SYSTEM = 1_000_000


@dataclass(frozen=True, slots=True)
class SessionModel:
    """Sessions whose turns wait for the ones before.

    Args:
        kind: ``chat`` or ``agent``.
        system: tokens with which all sessions of an application begin.
        applications: how many there are; each session is of one of them, by equal chances.
        turns: mean number of turns.
        prompt: mean tokens of what a person says.
        tools: mean tokens of what tools say, in all turns but the first; None: a person says
            something there as well.
        output: mean tokens of an answer.
        think: mean seconds from an answer until the next turn.
        max_total: a session ends before the first turn of more prompt and output tokens.

    Raises:
        WorkloadError: no first turn could fit.
    """

    kind: str
    system: int
    applications: int
    turns: float
    prompt: float
    tools: float | None
    output: float
    think: float
    max_total: int

    def __post_init__(self) -> None:
        if self.system + 2 > self.max_total:
            raise WorkloadError(
                f"{self.kind}: a system prompt of {self.system} tokens leaves no room for a turn "
                f"in max_total={self.max_total}: raise it, or use a shorter one"
            )

    @property
    def name(self) -> str:
        usual = DEFAULTS[self.kind]
        own = [
            f"{field.name}={getattr(self, field.name):g}"
            if isinstance(getattr(self, field.name), float)
            else f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != getattr(usual, field.name)
        ]
        return f"{self.kind}:{','.join(own)}" if own else self.kind

    @property
    def note(self) -> str:
        later = "" if self.tools is None else f", {self.tools:g} of tools in later turns"
        shared = f"{self.applications} of them" if self.applications > 1 else "the same for all"
        return (
            f"synthetic sessions of {self.turns:g} turns on average, each {self.think:g} s after "
            f"the end of the one before; tokens: {self.system} of a system prompt ({shared}), "
            f"{self.prompt:g} of a person{later}, {self.output:g} of an answer; at most "
            f"{self.max_total} in all"
        )

    @property
    def identity(self) -> str:
        return f"sessions:{asdict(self)}"

    @property
    def waits(self) -> bool:
        """See `SessionSource`."""
        return True

    @property
    def described_sessions(self) -> int:
        return DESCRIBED_REQUESTS

    def sessions(self, num_sessions: int, rng: np.random.Generator) -> Sessions:
        """See `SessionSource`; sessions whose first turn is too long are left out."""
        turns_rng, application_rng, added_rng, output_rng, pause_rng = streams(rng, 5)
        counts = geometric(turns_rng, num_sessions, self.turns, MOST_TURNS - 1)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        first = np.repeat(offsets[:-1], counts)
        rows = np.arange(offsets[-1])
        later = rows > first
        means: FloatArray = np.where(later, self.tools or self.prompt, self.prompt)
        added = geometric(added_rng, len(rows), means, MOST_TOKENS)
        added[~later] += self.system
        output_tokens = geometric(output_rng, len(rows), self.output, MOST_TOKENS)
        said = np.cumsum(added + output_tokens)
        before = said[first] - added[first] - output_tokens[first]
        application = np.floor(application_rng.random(num_sessions) * self.applications)
        contents = SessionContents(
            added=added,
            output_tokens=output_tokens,
            history=rows - first,
            system_tokens=np.full(len(rows), self.system),
            system_stream=SYSTEM + np.repeat(application.astype(np.int64), counts),
            rows=rows,
        )
        lengths = Lengths(said - before - output_tokens, output_tokens, contents)
        pause_s = np.where(later, exponential(pause_rng, len(rows), self.think), 0.0)
        sessions = Sessions(lengths, offsets, pause_s)
        return sessions.keep(sessions.fitting(self.max_total))

    def sample(self, num_requests: int, rng: np.random.Generator) -> Lengths:
        """See `LengthSource.sample`: of the turns of sessions, one after another."""
        state = rng.bit_generator.state
        num_sessions = num_requests
        while True:
            rng.bit_generator.state = state
            turns = self.sessions(num_sessions, rng).turns
            if len(turns) >= num_requests:
                return turns.take(slice(num_requests))
            num_sessions *= 2

    def describe(self) -> Description:
        return summarize_sample(self)


DEFAULTS = {
    # 2.5 turns: WildChat has over 2.5 million in 1 million conversations (Zhao et al., ICLR 2024).
    "chat": SessionModel("chat", 200, 1, 2.5, 150.0, None, 300.0, 60.0, 8192),
    # 9 turns, 520 tokens: a request to a coding agent is a step and 7.8 more that tools bring
    # about, and 357,161 steps have 186.9 million output tokens (TraceLab, arXiv 2606.30560, and
    # the site of its data).
    "agent": SessionModel("agent", 4000, 1, 9.0, 300.0, 1000.0, 520.0, 3.0, 32768),
}
"""What is not said of a session."""


def session_model(kind: str, text: str) -> SessionModel:
    """Read ``system=200,turns=3,...`` of a ``chat`` or an ``agent``.

    Raises:
        WorkloadError: an option is unknown or out of range.
    """
    usual = DEFAULTS[kind]
    options = parse_options(kind, text)
    tools = () if usual.tools is None else ("tools",)
    options.only(
        ("system", "applications", "turns", "prompt", *tools, "output", "think", "max_total")
    )
    think = think_of(options)
    return SessionModel(
        kind=kind,
        system=_whole(options, "system", usual.system),
        applications=_whole(options, "applications", usual.applications, 1),
        turns=_mean(options, "turns", usual.turns),
        prompt=_mean(options, "prompt", usual.prompt),
        tools=None if usual.tools is None else _mean(options, "tools", usual.tools),
        output=_mean(options, "output", usual.output),
        think=usual.think if think is None else think,
        max_total=options.count("max_total", usual.max_total),
    )


def _whole(options: Options, key: str, default: int, least: int = 0) -> int:
    text = options.values.get(key, str(default))
    value = 0 if text == "0" and least == 0 else parse_count(f"{options.owner}: {key}", text)
    if value > MOST_SYSTEM:
        raise WorkloadError(f"{options.owner}: {key} must be at most {MOST_SYSTEM}, not {text}")
    return value


def _mean(options: Options, key: str, default: float) -> float:
    value = options.number(key, default)
    assert value is not None
    if not 1 <= value <= MOST_NUMBER:
        raise WorkloadError(
            f"{options.owner}: {key} is a mean of whole numbers from 1 on, and must be at least 1, "
            f"not {options.values[key]!r}"
        )
    return value
