"""What arrives, and for how long."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from slaibench.rates import check_concurrency, check_rate
from slaibench.spec.option import Option
from slaibench.spec.serving import Part

MIN_REQUESTS = 1250
"""A cell's least default size; it grows as ``measure.run_length`` says."""
MAX_REQUESTS = 10_000_000
REQUESTS_A_CLIENT = 12
"""Of a closed loop: its start and its end, which are left out, are some four of these."""
LEAST_A_CLIENT = 4
MIN_DURATION_S = 180.0
"""A cell's least default duration: several lifetimes of a request at high rates."""


class LoadPart(Part):
    """Requests: whose lengths, at what rates and times, of which tiers, how many.

    Args:
        num_requests: requests of a cell; None: at least 1,250 and 180 s' worth, and in virtual
            time as many more as the numbers need (strict), or as many as are due in
            ``duration_s``.
        duration_s: a cell ends here; None: when all its requests are done (strict) or after 35
            minutes (paper).
        rates: requests a second, kept ascending and without repeats; none: the study chooses
            them, or refuses.
        concurrency: closed loops instead of rates: so many clients, each of which sends its next
            request when its last one has ended; ascending, without repeats. None: open loops.
        shared_prefix: part of the workload's name once the study is prepared.
        num_seeds: replicates, seeded ``first_seed``, ``first_seed + 1``, ...
    """

    workload: Annotated[
        str | None,
        Option(
            "Name (slaibench workload) or a CSV, parquet or JSONL file of lengths; several are "
            "taken together. Default: sharegpt4 where the data set is at hand, else its "
            "statistical model.",
            several=True,
            file=True,
        ),
    ] = None
    arrivals: Annotated[
        str | None,
        Option("poisson, gamma:cv=3, constant, burst, trace[:scale=1], poisson-truncated."),
    ] = None
    tiers: Annotated[
        str | None,
        Option("name:share:tbt_slo_s[:ttft_slo_s],... Default: paying:0.05:0.1,free:0.95:0.5"),
    ] = None
    rates: Annotated[
        tuple[float, ...],
        Option(
            "Requests a second: start:stop[:step] (inclusive), a list 0.8,1.2, or auto.", own=True
        ),
    ] = ()
    concurrency: Annotated[
        tuple[int, ...] | None,
        Option(
            "Closed loops instead of rates: clients, each of which waits for its answer before it "
            "sends again, as 8,64,256.",
            own=True,
        ),
    ] = None
    num_seeds: Annotated[
        int, Option("Replicates of each cell.", flag="seeds", own=True), Field(ge=1, le=1000)
    ] = 3
    first_seed: Annotated[int, Option("Seed of the first replicate."), Field(ge=0)] = 0
    num_requests: Annotated[
        int | None,
        Option(
            f"Requests of a cell. Default: {MIN_REQUESTS:,}, and at least 180 s' worth.",
            flag="requests",
        ),
        Field(ge=20, le=MAX_REQUESTS),
    ] = None
    duration_s: Annotated[
        float | None,
        Option(
            "End each cell after this many seconds instead of when all is served.", flag="duration"
        ),
        Field(gt=0, le=1e7, allow_inf_nan=False),
    ] = None
    shared_prefix: Annotated[
        int | None,
        Option("Tokens with which all prompts begin, before their own."),
        Field(ge=1, le=1_000_000),
    ] = None
    max_total_tokens: Annotated[
        int | None,
        Option("Leave out requests of more prompt + output tokens than this."),
        Field(ge=2),
    ] = None

    @field_validator("rates")
    @classmethod
    def _positive(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        for rate in rates:
            check_rate(rate)
        return tuple(sorted(set(rates)))

    @field_validator("concurrency")
    @classmethod
    def _clients(cls, concurrency: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if concurrency is None:
            return None
        if not concurrency:
            raise ValueError("name at least one number of clients, as 8,64,256")
        for clients in concurrency:
            check_concurrency(clients)
        return tuple(sorted(set(concurrency)))
