"""Parts of the paper with short runs of long prompts: some seconds in all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slaibench.reproductions.bari2025.result import PaperResult
from slaibench.reproductions.bari2025.run import run
from slaibench.reproductions.bari2025.spec import PaperSpec

WORKLOAD = "uniform:prompt=1000-6000,output=20-100"
SMALL = PaperSpec(
    figures=("6", "7", "8", "9", "10"),
    workload=WORKLOAD,
    rates=(0.8, 1.6),
    num_seeds=2,
    duration_s=200,
)


@dataclass(frozen=True)
class SmallPaper:
    """What was found, and where it lies.

    Args:
        folder: holds ``results``; pages may be written beside it.
    """

    folder: Path
    result: PaperResult

    @property
    def results(self) -> Path:
        return self.folder / "results"


def run_small(folder: Path, spec: PaperSpec = SMALL) -> SmallPaper:
    """Run it into ``folder / "results"``."""
    return SmallPaper(folder, run(spec, folder / "results", jobs=1))
