"""The command that redoes the paper's figures, and its tables."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from slaibench.cli import options
from slaibench.cli.expand import expanded
from slaibench.cli.options import PageOptions, RunOptions, ServingOptions
from slaibench.cli.progress import progress
from slaibench.cli.shell import out, print_about, print_hint, print_json, running, usage, write_page
from slaibench.cli.terminal import DIM, shown
from slaibench.rates import parse_rates
from slaibench.report.table import STRONG, Cell, Heading, grid
from slaibench.report.words import plural
from slaibench.reproductions.bari2025.claim import (
    MARKS,
    Claim,
    Finding,
    deviation_text,
    ours,
    printed,
)
from slaibench.reproductions.bari2025.result import PaperResult
from slaibench.reproductions.bari2025.run import check, run
from slaibench.reproductions.bari2025.spec import PaperSpec
from slaibench.reproductions.bari2025.verdict import ClaimVerdict
from slaibench.spec import Convention

RATE = "requests/s"
OPTION_OF = {
    **options.OPTION_OF,
    "figures": "--figure",
    "rates": "--rates",
    "num_seeds": "--seeds",
}


@expanded
def paper(
    figure: Annotated[
        list[str] | None,
        typer.Option(
            "--figure",
            "-f",
            help="A figure (7a) or all parts of one (7); may be given several times. Default: all.",
        ),
    ] = None,
    rates: Annotated[
        str, typer.Option(help="Requests a second of the load figures.")
    ] = "0.2:1.6:0.2",
    seeds: options.Seeds = 3,
    workload: Annotated[
        str | None,
        typer.Option(
            help="Lengths. The paper's own: sharegpt4_8k_lengths.csv of agrimUT/SLAI. Default: "
            "sharegpt4 where it is at hand, else its statistical model."
        ),
    ] = None,
    first_seed: Annotated[int, typer.Option(help="Seed of the first replicate.", min=0)] = 0,
    duration: Annotated[
        float, typer.Option(help="Seconds of a run. Default: the paper's 35 minutes.")
    ] = 2100.0,
    *,
    serving: ServingOptions,
    run_options: RunOptions,
    page: PageOptions,
) -> None:
    """The paper's figures (Bari et al., arXiv 2508.01002), and its claims compared with ours."""
    with usage(OPTION_OF):
        spec = PaperSpec(
            figures=tuple(figure or ()),
            backend=serving.values["backend"],
            device=serving.values["device"],
            clock=serving.values["clock"],
            workload=workload,
            rates=parse_rates(rates),
            num_seeds=seeds,
            first_seed=first_seed,
            duration_s=duration,
        )
        check(spec, run_options.results, run_options.jobs)
        options.check_reports(page.folder)
    with running(), progress("paper") as on_cell:
        result = run(
            spec,
            run_options.results,
            jobs=run_options.jobs,
            fresh=run_options.fresh,
            on_cell=on_cell,
        )
    if run_options.as_json:
        print_json(result.to_json())
    else:
        out.print(tables(result))
        print_about(about_lines(result))
        print_hint(f"recordings: {run_options.results}")
    _report(result, page, run_options.as_json)


def _report(result: PaperResult, page: PageOptions, as_json: bool) -> None:
    if page.folder is None:
        return
    from slaibench.reproductions.bari2025.page import PAGE  # noqa: PLC0415

    write_page(partial(PAGE.write, result, page.folder), as_json=as_json)


def about_lines(result: PaperResult) -> list[str]:
    """The system under test, the lengths, and what to beware of."""
    lines = [result.about]
    if result.loads:
        lines.append(f"workload: {result.workload_note}")
    if result.papers_lengths is False:
        lines.append(
            "these are not the paper's lengths: what is published was measured with others"
        )
    return [*lines, *(f"warning: {warning}" for warning in result.warnings)]


def tables(result: PaperResult) -> RenderableType:
    """The claims that are numbers, those that are shapes, and how many hold."""
    title = f"Figures {', '.join(result.spec.figures)}"
    if result.loads:
        title += f"; {plural(result.spec.num_seeds, 'seed')} a rate"
    parts: list[RenderableType] = [Text(title, style="bold")]
    numbers = [claim for claim in result.claims if claim.published is not None]
    if numbers:
        parts.append(_numbers(numbers))
    parts += [_shape(claim) for claim in result.claims if claim.published is None]
    return Group(*parts, Text(_legend(result), style=DIM))


def _numbers(claims: list[Claim]) -> RenderableType:
    columns = [Heading("claim", is_text=True, folds=True), Heading("published")]
    names = ["paper\nconventions", "strict\nconventions"]
    if all(claim.strict is None for claim in claims):
        names = ["ours"]
    columns += [Heading(name) for name in names]
    rows = [
        (
            claim.figure,
            [
                Cell(claim.text.replace(RATE, "req/s")),
                Cell(_published(claim)),
                *(_cell(claim, finding) for finding in (claim.paper, claim.strict)[: len(names)]),
            ],
        )
        for claim in claims
    ]
    return Group(*shown(grid("", "", "", columns, rows, head=Heading("fig.", is_text=True))))


def _published(claim: Claim) -> str:
    assert claim.published is not None
    text = printed(claim.published).replace(RATE, "req/s")
    return text.replace(" (", "\n(").replace(", ", ",\n")


def _cell(claim: Claim, finding: Finding | None) -> Cell:
    """Ours, its interval, the verdict with how far off it is: a line each."""
    if finding is None or claim.published is None or finding.estimate is None:
        return Cell("")
    value, _, interval = ours(claim.published, finding.estimate).partition(" [")
    off = deviation_text(claim.published, finding)
    return Cell(
        value.replace(RATE, "req/s"),
        (*([f"[{interval}"] if interval else []), f"{finding.verdict.value} {off}".rstrip()),
        mark=STRONG if finding.verdict is ClaimVerdict.DISAGREES else "",
    )


def _bold(verdict: ClaimVerdict) -> str:
    return f"[bold]{verdict.value}[/]" if verdict is ClaimVerdict.DISAGREES else verdict.value


def _shape(claim: Claim) -> RenderableType:
    """The claim with its verdicts, and what is seen of it below."""
    findings = {"paper": claim.paper}
    if claim.strict is not None:
        findings["strict"] = claim.strict
    lines = [f"\n{claim.figure}  {escape(claim.text)}"]
    for name, finding in findings.items():
        whose = f"{name} conventions: " if len(findings) > 1 else ""
        lines.append(f"    {whose}{_bold(finding.verdict)}; {escape(finding.seen)}")
    return Text.from_markup("\n".join(lines))


def _legend(result: PaperResult) -> str:
    lines = ["\n[...]: 95 % interval; beside a verdict: how far ours is from the published"]
    for convention in (Convention.PAPER, Convention.STRICT):
        counts = result.counts(convention)
        parts = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in ClaimVerdict)
        whose = f"{convention.value} conventions: " if result.loads else ""
        if f"{whose}{parts}" not in lines:
            lines.append(f"{whose}{parts}")
    published = [claim.published for claim in result.claims if claim.published is not None]
    for name, text in MARKS.items():
        if any(getattr(number, name) for number in published):
            lines.append(f"({name}): {text}")
    return "\n".join(lines)
