"""What becomes of an engine's own flags under a scheduler of ours: honoured, or refused at start.

Each engine has a table (``slaibench.backends.<engine>.flags``) of its flags that concern
scheduling, batching, memory, LoRA, parallelism or preemption; ``docs/engine-flags.md`` shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class FlagVerdict(StrEnum):
    """What becomes of a flag that somebody sets."""

    HONOURED = "honoured"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of an engine's server.

    Args:
        name: as the command line has it, without dashes in front: ``max-num-seqs``.
        verdict: of a value that is not the one without which nothing can be steered.
        why: how it is honoured, or what is in its way and what to do instead; no full stop.
    """

    name: str
    verdict: FlagVerdict
    why: str


def markdown(flags: Iterable[Flag]) -> str:
    """The table of a page."""
    rows = [f"| `--{flag.name}` | {flag.verdict} | {flag.why} |" for flag in flags]
    return "\n".join(["| flag | verdict | why |", "|---|---|---|", *rows])


def unlisted(
    names: Iterable[str], flags: Iterable[Flag], stems: Sequence[str], others: Iterable[str]
) -> list[str]:
    """Flags of an installed engine that look as if they belonged into its table, and are not there.

    Args:
        names: of all its flags; underscores and dashes count as the same.
        stems: parts of the names of flags that concern us.
        others: names that hold a stem and concern something else.
    """
    listed = {flag.name for flag in flags} | {_dashed(name) for name in others}
    look_like_it = (
        name for name in map(_dashed, names) if any(_dashed(stem) in name for stem in stems)
    )
    return sorted(set(look_like_it) - listed)


def _dashed(name: str) -> str:
    return name.lstrip("-").replace("_", "-")
