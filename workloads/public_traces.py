"""Traces that others published, in their layouts: files that the user has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.lengths import LengthSource
from slaibench.workloads.options import parse_options
from slaibench.workloads.session_table import OPTIONS as SESSION_OPTIONS
from slaibench.workloads.session_table import with_sessions
from slaibench.workloads.table_file import DROP, read_table


@dataclass(frozen=True, slots=True)
class PublicTrace:
    """A layout.

    Args:
        name: what to write before the file.
        summary: what it is.
        timestamp: unit of its times.
        zeros, block: as for ``read_table``.
    """

    name: str
    summary: str
    timestamp: str
    zeros: str | None = None
    block: str | None = None

    def build(self, text: str) -> LengthSource:
        """The trace in a file.

        Raises:
            WorkloadError: no file is named, or it is of another layout.
        """
        options = parse_options(self.name, text)
        options.only(SESSION_OPTIONS, paths=1)
        if options.path is None:
            raise WorkloadError(f"{self.name} needs a file: {self.name}:FILE ({self.summary})")
        table = read_table(
            Path(options.path).expanduser(),
            name=f"{self.name}:{options.path}",
            timestamp=self.timestamp,
            zeros=self.zeros,
            block=self.block,
        )
        return with_sessions(table, options)


PUBLIC_TRACES = (
    # Qin et al. (FAST 2025), github.com/kvcache-ai/Mooncake, FAST25-release/traces: milliseconds.
    PublicTrace("mooncake", "requests of Kimi, whose prompts share blocks", "ms", block="512"),
    # Wang et al. (arXiv 2401.17644), github.com/HPMLL/BurstGPT: seconds; failed requests have 0
    # response tokens.
    PublicTrace("burstgpt", "requests to GPT models, months of them", "s", zeros=DROP),
)
