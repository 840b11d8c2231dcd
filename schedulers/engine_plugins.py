"""SGLang's own scheduler with plug-ins of somebody's: what stands for it where no SGLang runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slaibench.schedulers.engine_default import EngineDefault


@dataclass(frozen=True, slots=True)
class PluginFacts:
    """What a study knows of a plug-in, without importing it.

    Args:
        name: as its user wrote it.
        installed: where an installed one is, and what brings it: ``theirs:register of theirs 1.0``;
            None: it is a file of the user's.
        files: of its code: all of its package, or the one file.
    """

    name: str
    installed: str | None
    files: tuple[str, ...]


class EngineWithPlugins(EngineDefault):
    """SGLang's own scheduler, in a process with plug-ins that were looked at.

    Args:
        facts: of each plug-in.
        limits: as of ``EngineDefault``.
    """

    def __init__(self, facts: Sequence[PluginFacts], **limits: int) -> None:
        super().__init__(plugin="+".join(one.name for one in facts), **limits)
        self.facts = tuple(facts)

    @property
    def foreign_files(self) -> tuple[str, ...]:
        return tuple(file for one in self.facts for file in one.files)

    def options(self) -> dict[str, Any]:
        """Those of ``EngineDefault``, and which releases the installed plug-ins are of."""
        installed = [one.installed for one in self.facts if one.installed is not None]
        own = {"installed": ", ".join(installed)} if installed else {}
        return {**super().options(), **own}
