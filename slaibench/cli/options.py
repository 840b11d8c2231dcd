"""Options that several commands share, and how they become a study's specification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slaibench.rates import parse_rates
from slaibench.spec import DEFAULT_SLO, Convention, StudySpec

Model = Annotated[str, typer.Option(help="Model of the catalog (slaibench models).")]
Gpu = Annotated[str, typer.Option(help="GPU of the catalog (slaibench gpus).")]
Backend = Annotated[str, typer.Option(help="What serves: sim (calibrated simulator).")]
Rates = Annotated[
    str, typer.Option(help="Requests a second: start:stop[:step] (inclusive), or a list 0.8,1.2.")
]
Workload = Annotated[
    str | None,
    typer.Option(
        help="Name (slaibench workload) or a CSV, parquet or JSONL file of lengths. "
        "Default: sharegpt4 where the data set is at hand, else its statistical model."
    ),
]
Arrivals = Annotated[
    str | None,
    typer.Option(help="poisson, gamma:cv=3, constant, burst, trace[:scale=1], poisson-truncated."),
]
Tiers = Annotated[
    str | None,
    typer.Option(help="name:share:tbt_slo_s,... Default: paying:0.05:0.1,free:0.95:0.5"),
]
Seeds = Annotated[int, typer.Option(help="Replicates of each cell.", min=1)]
FirstSeed = Annotated[int, typer.Option(help="Seed of the first replicate.", min=0)]
Requests = Annotated[
    int | None,
    typer.Option(help="Requests of a cell. Default: 1,200, and at least 180 s' worth.", min=20),
]
Duration = Annotated[
    float | None,
    typer.Option(help="End each cell after this many seconds instead of when all is served."),
]
MaxTotalTokens = Annotated[
    int | None,
    typer.Option(help="Leave out requests of more prompt + output tokens than this.", min=2),
]
ConventionOption = Annotated[
    Convention, typer.Option("--convention", help="Definitions behind the numbers.")
]
Slo = Annotated[str, typer.Option(help="Targets, e.g. 'ttft_p50<0.5,tbt_p99<tier'.")]
KvBlocks = Annotated[
    int | None, typer.Option(help="KV blocks instead of the profile's own number.", min=1)
]
Profile = Annotated[
    str | None, typer.Option(help="File of a profile of your own (instead of the catalog's).")
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", help="Cells run at a time. Default: all cores.", min=1)
]
Results = Annotated[Path, typer.Option(help="Folder of the recordings.")]
Reports = Annotated[Path, typer.Option(help="Folder of the report pages.")]
Json = Annotated[bool, typer.Option("--json", help="The same numbers as one JSON document.")]
NoReport = Annotated[bool, typer.Option("--no-report", help="Write no page.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Record again what is already there.")]

DEFAULT_MODEL = "mistral-7b"
DEFAULT_GPU = "h100"
DEFAULT_RATES = "1:20"
RESULTS_FOLDER = Path("results")
REPORTS_FOLDER = Path("reports")

OPTION_OF = {
    "schedulers": "--scheduler",
    "num_seeds": "--seeds",
    "num_requests": "--requests",
    "duration_s": "--duration",
    **{
        name: f"--{name.replace('_', '-')}"
        for name in ("model", "gpu", "rates", "first_seed", "max_total_tokens", "kv_blocks")
    },
}
"""Fields of a study's specification as the command line calls them."""

__all__ = ["DEFAULT_SLO", "check_reports", "study"]


def study(
    *,
    schedulers: list[str],
    rates: str | None,
    model: str,
    gpu: str,
    backend: str,
    workload: str | None,
    arrivals: str | None,
    tiers: str | None,
    seeds: int,
    first_seed: int,
    requests: int | None,
    duration: float | None,
    max_total_tokens: int | None,
    convention: Convention,
    slo: str,
    kv_blocks: int | None,
    profile: str | None,
) -> StudySpec:
    """The validated specification behind a command's arguments.

    Raises:
        ValueError: a value does not parse or is out of range.
    """
    return StudySpec(
        model=model,
        gpu=gpu,
        backend=backend,
        schedulers=tuple(schedulers),
        workload=workload,
        arrivals=arrivals,
        tiers=tiers,
        rates=parse_rates(rates) if rates is not None else (),
        num_seeds=seeds,
        first_seed=first_seed,
        num_requests=requests,
        duration_s=duration,
        max_total_tokens=max_total_tokens,
        convention=convention,
        slo=slo,
        kv_blocks=kv_blocks,
        profile=profile,
    )


def check_reports(folder: Path | None) -> None:
    """Make the folder of the pages, if any is wanted, before any work is done.

    Raises:
        ValueError: it cannot be made.
    """
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"reports folder {str(folder)!r} cannot be made ({error.strerror}); choose another "
            "with --reports, or --no-report"
        ) from error
