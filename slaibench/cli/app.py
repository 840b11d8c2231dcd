"""The command line: ``slaibench COMMAND``. Commands only read arguments, call once and render."""

from __future__ import annotations

from collections.abc import Callable

import typer

from slaibench.cli import (
    bound,
    calibrate,
    doctor,
    env,
    facts,
    paper,
    regress,
    run,
    serve,
    show,
    validate,
)
from slaibench.cli.shell import out
from slaibench.version import __version__

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Which scheduler carries how much load within my latency targets, and how sure is that?",
)


def _version(asked: bool) -> None:
    if asked:
        out.print(f"slaibench {__version__}", highlight=False)
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", callback=_version, help="Print the version."),
) -> None:
    """Say what to try first when nothing was asked."""
    if context.invoked_subcommand is None:
        out.print(
            "[bold]slaibench[/]: which scheduler carries how much load within my latency targets, "
            "and how sure is that?\n\n"
            "Try first (no GPU needed):\n"
            "  [cyan]slaibench sweep --model mistral-7b --rates 1:20[/]\n"
            "      latency against load of two schedulers, with a page in reports/\n"
            "  [cyan]slaibench compare sarathi slai[/]\n"
            "      paired differences, and the capacity of both\n"
            "  [cyan]slaibench capacity slai --slo 'ttft_p50<0.5,tbt_p99<tier'[/]\n"
            "      the largest rate that keeps the targets\n\n"
            "What there is: [cyan]slaibench schedulers[/], [cyan]models[/], [cyan]gpus[/], "
            "[cyan]workload[/]; what runs on this machine: [cyan]doctor[/]; what a command takes: "
            "[cyan]--help[/]",
            highlight=False,
        )


COMMANDS: tuple[Callable[..., None], ...] = (
    run.sweep,
    run.compare,
    run.capacity,
    run.replay,
    bound.bound,
    serve.serve,
    calibrate.calibrate,
    validate.validate,
    paper.paper,
    regress.regress,
    show.report,
    show.results,
    show.verify,
    facts.workload,
    facts.schedulers,
    facts.models,
    facts.gpus,
    doctor.doctor,
    env.env,
)
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="slaibench")
