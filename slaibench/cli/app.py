"""The command line: ``slaibench COMMAND``. Commands only read arguments, call once and render."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup
from typer.main import get_command

from slaibench.cli import (
    board,
    bound,
    calibrate,
    doctor,
    facts,
    interchange,
    judge,
    profile,
    regress,
    run,
    serve,
    server,
    show,
    validate,
)
from slaibench.cli.completion import with_completion
from slaibench.cli.examples import epilog_of
from slaibench.cli.shell import EXIT_NO, EXIT_USAGE, fail, out
from slaibench.cli.study_run import PASSES_ON, run_command, with_saving
from slaibench.cli.verbosity import with_verbosity
from slaibench.spec.study_layout import StudyKind
from slaibench.version import __version__

GROUP = "slaibench.commands"
"""Entry points by which another package brings a command: its name, and a function for Typer."""


class _Commands(TyperGroup):
    """Our commands, then those that other packages bring: each is loaded when it is needed.

    Takes text alone: whatever is given may end in a file, and files are UTF-8.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        check_text(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        own = super().list_commands(ctx)
        return [*own, *(name for name in _brought() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if (own := super().get_command(ctx, cmd_name)) is not None:
            return own
        point = _brought().get(cmd_name)
        return None if point is None else _loaded(point)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None:  # a typo, to be compared with all names
            others = {name: _loaded(point) for name, point in _brought().items()}
            self.commands = {**others, **self.commands}
        return super().resolve_command(ctx, args)


def _brought() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _loaded(point: EntryPoint) -> Any:
    """The command of another package; one that says why it is not there, if it cannot be loaded."""
    alone = typer.Typer(rich_markup_mode="rich", add_completion=False)
    try:
        command = with_completion(with_verbosity(point.load()))
        alone.command(point.name, epilog=epilog_of(point.name))(command)
        return get_command(alone)
    except Exception as error:  # whatever another package's code raises
        reason = f"{point.name}: {point.value!r} cannot be loaded ({error!r})"
        return _broken(f"{reason}; repair the package that brings it, or remove it", point.name)


def _broken(reason: str, name: str) -> Any:
    def broken(arguments: Annotated[list[str] | None, typer.Argument()] = None) -> None:
        del arguments
        raise fail(reason, EXIT_NO)

    alone = typer.Typer(rich_markup_mode="rich", add_completion=False)
    alone.command(name, help=escape(reason), context_settings={"ignore_unknown_options": True})(
        broken
    )
    return get_command(alone)


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
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Which scheduler carries how much load within my latency targets, and how sure is that?",
)


def _version(wanted: bool) -> None:
    if wanted:
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


RUNS: tuple[Callable[..., None], ...] = (
    run.sweep,
    run.compare,
    judge.judge,
    run.capacity,
    run.replay,
    server.quick,
    bound.bound,
    board.board,
    serve.serve,
    calibrate.calibrate,
    validate.validate,
    regress.regress,
)
"""Commands that run something."""
SHOWS: tuple[Callable[..., None], ...] = (
    show.report,
    show.results,
    show.verify,
    interchange.import_,
    interchange.export,
    facts.workload,
    facts.schedulers,
    facts.models,
    facts.gpus,
    profile.profile,
    doctor.doctor,
    doctor.env,
)
STUDIES = {kind: next(run for run in RUNS if run.__name__ == kind.value) for kind in StudyKind}
"""Commands that a study file can ask for."""
RUN = run_command(STUDIES)
COMMANDS = (
    *(with_verbosity(with_saving(run)) for run in RUNS),
    RUN,
    *SHOWS,
)
for command in COMMANDS:
    name = command.__name__.rstrip("_")
    settings = PASSES_ON if command is RUN else None
    app.command(name, epilog=epilog_of(name), context_settings=settings)(with_completion(command))


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="slaibench")
