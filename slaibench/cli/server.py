"""A server that is there already: its capacity in minutes, and a first look (quick)."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slaibench.cli import options, sentences
from slaibench.cli.endpoint import DialectOptions
from slaibench.cli.expand import expanded
from slaibench.cli.local_servers import PORTS, LocalServer, local_servers
from slaibench.cli.options import (
    RESULTS_FOLDER,
    EndpointOptions,
    LoadOptions,
    PageOptions,
    RunOptions,
    TargetOptions,
    UrlOptions,
)
from slaibench.cli.progress import progress
from slaibench.cli.shell import (
    EXIT_INTERRUPTED,
    EXIT_NO,
    err,
    print_about,
    print_hint,
    print_json,
    print_line,
    running,
    usage,
    write_page,
)
from slaibench.cli.spec_options import SpecOptions
from slaibench.cli.tracking import track
from slaibench.cli.workers import KEPT
from slaibench.report.words import plain_number, plural
from slaibench.spec import PacePart, TargetPart
from slaibench.studies import paced
from slaibench.studies.pace import Ended, Pace
from slaibench.studies.paced import PacedPlan
from slaibench.studies.paced_result import PacedResult, holds
from slaibench.studies.targets import STEADY, Targets, whose
from slaibench.studies.untold import Untold, nothing_instead

if TYPE_CHECKING:
    from slaibench.studies.interchange.mlflow_run import Tracker

LABEL = "endpoint"
QUICK = Pace(minutes=1.0, max_rate_rps=32.0, start_rps=1.0, long=False)
BAD_ENDS = frozenset({Ended.FAILURES, Ended.SILENT})


class PaceOptions(SpecOptions, part=PacePart, panel="A server that is there already"):
    """How much time a search on a server may take, and how much load it may offer."""


def refuse_without_url(
    pace: PaceOptions, endpoint: UrlOptions, dialect_options: DialectOptions
) -> None:
    """Raises ValueError: an option is given that only a server at a URL takes."""
    if pace.given() or dialect_options.parsed() is not None:
        raise ValueError(
            "--minutes, --max-rate and how a server is spoken to go with a server that is there "
            "already: give its --url, or leave them out"
        )
    if (given := endpoint.given()) and "url" not in given:
        flags = ", ".join(options.OPTION_OF[name] for name in given)
        raise ValueError(f"{flags}: goes with --url alone")


def planned(
    groups: Sequence[SpecOptions],
    dialect_options: DialectOptions,
    run_options: RunOptions,
) -> PacedPlan:
    """The search, checked.

    Raises:
        ValueError, RecordingError: as ``paced.plan``.
    """
    values = {name: value for group in groups for name, value in group.values.items()}
    if values.pop("backend", "sim") not in ("sim", "endpoint"):
        raise ValueError("--backend starts an engine, --url names one that runs: give one of them")
    spec = options.study(
        [LABEL], 1, None, _Values(values), backend="endpoint", dialect=dialect_options.parsed()
    )
    return paced.plan(spec, run_options.results, fresh=run_options.fresh)


class _Values(SpecOptions, part=TargetPart, panel="", without=("slo", "convention")):
    """Values that are at hand."""

    def __init__(self, values: dict[str, object]) -> None:
        self.values = values


def print_capacity(
    plan: PacedPlan, run_options: RunOptions, page: PageOptions, to: Tracker | None = None
) -> None:
    """Say the plan, search, and say what came of it.

    Raises:
        SystemExit: with 1 where no rate is known to keep the targets or the server failed, with
            130 after Ctrl-C.
    """
    for line in plan.pace.words:
        print_hint(line, err)
    with running(), progress("capacity", plan) as on_cell:
        result = paced.run(plan, on_cell)
    if run_options.as_json:
        print_json(result.to_json())
    else:
        for line in capacity_words(result):
            print_line(line)
        print_about(sentences.server_lines(result.cells))
        print_about([result.about, *(f"warning: {warning}" for warning in result.warnings)])
        print_hint(f"recordings: {run_options.results}")
    words = capacity_words(result)[0]
    track(to, "capacity", result.spec, result.to_json(), result.cells, words)
    if page.folder is not None:
        from slaibench.report.pages.server import PAGE  # noqa: PLC0415

        write_page(partial(PAGE.write, result, page.folder), as_json=run_options.as_json)
    _exit(result)


def _exit(result: PacedResult) -> None:
    if result.ended is Ended.INTERRUPTED:
        raise SystemExit(EXIT_INTERRUPTED)
    if result.ended in BAD_ENDS or result.capacity.rate_rps is None:
        raise SystemExit(EXIT_NO)


def capacity_words(result: PacedResult) -> list[str]:
    """The answer, then what it does not cover, then what ended the search."""
    capacity = result.capacity
    where = result.spec.url or result.about
    within = ",".join(dict.fromkeys(c.slo for c in result.measured.curves if c.slo != STEADY))
    if not result.from_long:
        within = result.spec.slo
    if capacity.rate_rps is None:
        lowest = plain_number(min(cell.cell.rate_rps for cell in result.cells))
        why = f", {_failing(result)}" if capacity.binding else ""
        lines = [
            f"{where}: no rate is known to keep {within or result.spec.slo}; {lowest} requests/s "
            f"was the lowest measured{why}"
        ]
    else:
        carries = "carries" if capacity.shape is not None else "may carry"
        if result.at_least:
            carries = "carries at least"
        elif capacity.ci95 is not None and capacity.ci95[0] <= 0:
            carries = "cannot be told to carry"  # no rate is sure to hold
        rate = plain_number(capacity.rate_rps)
        limits = sentences.limits(capacity, within, _failing(result))
        lines = [f"{where} {carries} {rate} requests/s{limits}"]
        if capacity.note:
            lines.append(f"  {capacity.note}")
    lines += [f"  {_untold_words(untold)}" for untold in result.untold]
    spent = f"{result.spent_s / 60:.1f} of {result.minutes:g} min"
    runs = plural(len(result.cells), "run")
    lines.append(
        f"  ended: {result.why}; {runs}, {plural(result.num_requests, 'request')}, {spent}"
    )
    return lines


def _failing(result: PacedResult) -> str:
    binding = result.capacity.binding
    if binding == STEADY or binding is None:
        return "requests queue up" if binding else "nothing is known"
    return f"{whose(binding, result.capacity.binding_tier)} fails"


def _untold_words(untold: Untold) -> str:
    head = f"cannot tell {whose(untold.slo, untold.tier)}: {untold.why} (more --minutes)"
    if untold.value_s is None or untold.q is None:
        return f"{head}{nothing_instead(untold.slo)}"
    value, low, high = map(plain_number, untold.value_s)
    return (
        f"{head}; its P{100 * untold.q:g} at {untold.rate_rps:g} requests/s was {value} s "
        f"({low} to {high})"
    )


@expanded
def quick(
    *,
    endpoint: EndpointOptions,
    dialect_options: DialectOptions,
    load: LoadOptions,
    targets: TargetOptions,
    results: Annotated[
        Path, typer.Option(help="Folder of the recordings.", rich_help_panel=KEPT)
    ] = RESULTS_FOLDER,
    as_json: options.Json = False,
) -> None:
    """What a server carries, in one sentence and about a minute; looks for local ones by itself."""
    with usage(options.OPTION_OF):
        values = dict(endpoint.values)
        if values["url"] is None:
            values["url"] = only_server(local_servers()).url
        spec = options.study(
            [LABEL],
            1,
            None,
            _Values({**values, **load.values, **targets.values}),
            backend="endpoint",
            dialect=dialect_options.parsed(),
        )
        plan = paced.plan(spec, results, QUICK, fresh=True)
    for line in plan.pace.words:
        print_hint(line.replace(" (--max-rate)", ""), err)
    with running(), progress("quick", plan) as on_cell:
        result = paced.run(plan, on_cell)
    if as_json:
        print_json(result.to_json())
    else:
        print_line(quick_words(result))
        print_about([f"warning: {warning}" for warning in result.warnings])
    if result.ended is Ended.INTERRUPTED or result.ended in BAD_ENDS:
        _exit(result)


def only_server(servers: Sequence[LocalServer]) -> LocalServer:
    """Raises ValueError: there is none, or several."""
    closed = [server.url for server in servers if server.wants_key]
    servers = [server for server in servers if not server.wants_key]
    if not servers and closed:
        raise ValueError(
            f"{' and '.join(closed)} wants a key, which is sent to no server that was not named: "
            f"set OPENAI_API_KEY and give --url {closed[0]}"
        )
    if not servers:
        ports = ", ".join(map(str, PORTS))
        raise ValueError(
            "no server that speaks OpenAI's interface answers on this machine's usual ports "
            f"({ports}): give --url http://host:port, or start one: slaibench serve"
        )
    if len(servers) > 1:
        named = ", ".join(f"--url {server.url} ({server.models_words})" for server in servers)
        raise ValueError(f"{len(servers)} servers answer on this machine: choose one: {named}")
    print_hint(f"a server answers at {servers[0].url} ({servers[0].models_words})", err)
    return servers[0]


def _quick_why(result: PacedResult) -> str:
    """What ended it, without the options that it does not have."""
    return result.why.replace(" (--minutes)", "").replace(" (--max-rate)", "")


def quick_words(result: PacedResult) -> str:
    """The sentence, with what a minute cannot tell."""
    rate, ttft_s = result.light
    model = result.spec.model or "the model"
    seen = "no answer" if ttft_s is None else f"{plain_number(ttft_s)} s (median TTFT)"
    workload = f" --workload {shlex.quote(w)}" if (w := result.spec.workload) else ""
    targets = Targets.of(result.spec)
    kept = [cell.cell.rate_rps for cell in result.cells if holds(targets, cell)]
    carried = f"nothing spoke against {max(kept):g} requests/s" if kept else "no rate tried held"
    return (
        f"{model} at {result.spec.url}: {seen} at {rate:g} requests/s; {carried} within "
        f"{result.spec.slo}, as far as {result.spent_s:.0f} s with "
        f"{plural(result.num_requests, 'request')} tell ({_quick_why(result)}): no tail and no "
        f"interval; slaibench capacity --url {result.spec.url}{workload} for these"
    )
