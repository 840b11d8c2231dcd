"""The command line: ``slaibench COMMAND``. Commands only read arguments, call once and render."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from slaibench.cli import bound, calibrate, doctor, facts, regress, run, serve, show, validate
from slaibench.cli.shell import EXIT_USAGE, fail, out
from slaibench.reproductions.bari2025 import command as bari2025
from slaibench.version import __version__


class _Commands(TyperGroup):
    """Takes text alone: whatever is given may end in a file, and files are UTF-8."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        check_text(args)
        return super().parse_args(ctx, args)


def check_text(args: Sequence[str]) -> None:
    """Refuse arguments that are no UTF-8; the values are not repeated, since one may be a secret.

    Raises:
        SystemExit: with status 2, after the message.
    """
    before = ""
    for place, arg in enumerate(args, 1):
        name, equals, _ = arg.partition("=")
        try:
            arg.encode()
        except UnicodeEncodeError:
            own = name.startswith("--") and equals and name.isprintable()
            option = name if own else before if before.startswith("-") else f"argument {place}"
            raise fail(f"{option} is given a value that is no UTF-8 text", EXIT_USAGE) from None
        before = name if not equals else ""


app = typer.Typer(
    cls=_Commands,
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
    bari2025.paper,
    regress.regress,
    show.report,
    show.results,
    show.verify,
    facts.workload,
    facts.schedulers,
    facts.models,
    facts.gpus,
    doctor.doctor,
    doctor.env,
)
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="slaibench")
