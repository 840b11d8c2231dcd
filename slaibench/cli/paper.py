"""The command that redoes the paper's figures, and its tables."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from slaibench.cli import options, render
from slaibench.cli.expand import expanded
from slaibench.cli.options import Kept, Page, Where
from slaibench.cli.run import progress
from slaibench.cli.shell import err, out, print_json, running, usage
from slaibench.rates import parse_rates
from slaibench.spec import Convention
from slaibench.study.paper import run as paper_study
from slaibench.study.paper.claim import Claim, Finding
from slaibench.study.paper.result import PaperResult
from slaibench.study.paper.spec import PaperSpec
from slaibench.study.paper.verdict import Verdict
from slaibench.study.paper.words import deviation, ours, printed

OPTION_OF = {
    **options.OPTION_OF,
    "figures": "--figure",
    "rates": "--rates",
    "num_seeds": "--seeds",
    "num_requests": "--requests",
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
        float, typer.Option(help="Seconds of a run under the paper's conventions.")
    ] = 2100.0,
    requests: Annotated[
        int | None,
        typer.Option(
            help="Requests of a run under strict conventions. Default: 1,200, and at least 180 s' "
            "worth.",
            min=20,
        ),
    ] = None,
    *,
    where: Where,
    kept: Kept,
    page: Page,
) -> None:
    """The paper's figures (Bari et al., arXiv 2508.01002), and its claims held against ours."""
    with usage(OPTION_OF):
        asked = PaperSpec(
            figures=tuple(figure or ()),
            backend=where.backend,
            device=where.device,
            clock=where.clock,
            workload=workload,
            rates=parse_rates(rates),
            num_seeds=seeds,
            first_seed=first_seed,
            duration_s=duration,
            num_requests=requests,
        )
        paper_study.check(asked, kept.results, kept.jobs)
        options.check_reports(page.folder)
    with running(), progress("paper") as on_cell:
        result = paper_study.run(
            asked, kept.results, jobs=kept.jobs, fresh=kept.fresh, on_cell=on_cell
        )
    if kept.as_json:
        print_json(result.to_json())
    else:
        out.print(tables(result))
        for line in about_lines(result):
            out.print(escape(line), highlight=False, soft_wrap=True)
        out.print(f"recordings: {escape(str(kept.results))}", highlight=False, soft_wrap=True)
    _report(result, page, kept.as_json)


def _report(result: PaperResult, page: Page, as_json: bool) -> None:
    if page.folder is None:
        return
    from slaibench.report.paper.page import write_paper  # noqa: PLC0415  (matplotlib: a second)

    with running():
        files = write_paper(result, page.folder)
    show = err if as_json else out
    show.print(f"report: {escape(str(files.html))}", highlight=False, soft_wrap=True)


def about_lines(result: PaperResult) -> list[str]:
    """What served which lengths, and what to beware of."""
    lines = [result.about, f"workload: {result.workload_note}"]
    if result.loads and not result.papers_lengths:
        lines.append(
            "these are not the paper's lengths: what is published was measured with others"
        )
    return [*lines, *(f"warning: {warning}" for warning in result.warnings)]


def tables(result: PaperResult) -> RenderableType:
    """The claims, figure by figure, and how many hold."""
    seeds = render.count(result.asked.num_seeds, "seed")
    title = f"Figures {', '.join(result.asked.figures)}; {seeds} a rate"
    parts: list[RenderableType] = [Text(title, style="bold"), _claims(result.claims)]
    return Group(*parts, Text(_legend(result), style=render.DIM))


def _claims(claims: tuple[Claim, ...]) -> RenderableType:
    table = render.plain_table()
    table.add_column("fig.", no_wrap=True)
    table.add_column("claim", ratio=3, overflow="fold")
    table.add_column("published", justify="right")
    for name in ("paper\nconventions", "strict\nconventions"):
        table.add_column(name, justify="right", ratio=2)
    for claim in claims:
        table.add_row(
            claim.figure,
            escape(claim.text) + ("" if claim.published is not None else _seen(claim)),
            printed(claim.published),
            *(_cell(claim, each) for each in (claim.paper, claim.strict)),
        )
    return table


def _seen(claim: Claim) -> str:
    """What is seen of a shape, below it."""
    lines = [f"\n[{render.DIM}]{escape(claim.paper.seen)}[/]"]
    if claim.strict is not None:
        lines.append(f"\n[{render.DIM}]strict: {escape(claim.strict.seen)}[/]")
    return "".join(lines)


def _cell(claim: Claim, finding: Finding | None) -> str:
    if finding is None:
        return ""
    bold = finding.verdict in (Verdict.DISAGREES, Verdict.CLOSE)
    verdict = f"[bold]{finding.verdict.value}[/]" if bold else finding.verdict.value
    if claim.published is None or finding.estimate is None:
        return verdict
    off = deviation(claim.published, finding)
    return f"{ours(claim.published, finding.estimate)}\n{verdict}{off}"


def _legend(result: PaperResult) -> str:
    lines = ["[...]: 95 % interval over seeds; percentages: how far ours is from the published one"]
    for convention in (Convention.PAPER, Convention.STRICT):
        found = result.counts(convention)
        told = ", ".join(f"{found[verdict]} {verdict.value}" for verdict in Verdict)
        lines.append(f"{convention.value} conventions: {told}")
    if any(claim.published is not None and claim.published.fitted for claim in result.claims):
        lines.append("(fitted): the profile was fitted to it, so agreement says nothing")
    if any(claim.published is not None and claim.published.derived for claim in result.claims):
        lines.append("(derived): the quotient of two printed numbers")
    return "\n".join(lines)
