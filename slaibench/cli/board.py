"""``slaibench board``: published runs replayed, and how far the simulator is from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from slaibench.catalog.board import FILE as BOARD_FILE
from slaibench.catalog.board import BoardDocument, board_document
from slaibench.catalog.host import FILE as HOST_FILE
from slaibench.catalog.host import host_document
from slaibench.cli import options
from slaibench.cli.expand import expanded
from slaibench.cli.options import PageOptions
from slaibench.cli.shell import (
    EXIT_NO,
    err,
    fail,
    out,
    print_hint,
    print_json,
    print_line,
    running,
    usage,
    write_page,
)
from slaibench.cli.terminal import shown
from slaibench.machine.atomic_write import write_whole
from slaibench.operators.aiconfigurator import PACKAGE, installed_version
from slaibench.report.board_tables import (
    NOTE,
    causes_table,
    combination_tables,
    left_out_lines,
    own_table,
    totals_table,
)
from slaibench.studies.board import study
from slaibench.studies.board.forms import board_form
from slaibench.studies.board.summary import document

Gpu = Annotated[str | None, typer.Option(help="Only runs on this GPU: h100, h200, b200, ...")]
Model = Annotated[str | None, typer.Option(help="Only runs of this model: gpt-oss-120b, ...")]
Engine = Annotated[str | None, typer.Option(help="Only runs of this engine: vllm, sglang.")]
JobsOption = Annotated[int | None, typer.Option(min=1, help="Processes; default: one a core.")]
Fit = Annotated[
    bool, typer.Option("--fit", help="Fit host times to the fitted half first, and keep them.")
]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the summary as the one that ships.")]
Log = Annotated[
    list[Path] | None,
    typer.Option(help="A log of your own engine to score beside, as in validate. May be repeated."),
]
Recording = Annotated[
    list[Path] | None,
    typer.Option(help="A folder of recordings of a real engine, likewise. May be repeated."),
]
EVERY = 10
"""Configurations between two lines of progress."""


@expanded
def board(
    gpu: Gpu = None,
    model: Model = None,
    engine: Engine = None,
    jobs: JobsOption = None,
    fit: Fit = False,
    keep: Keep = False,
    log: Log = None,
    recording: Recording = None,
    as_json: options.Json = False,
    *,
    page: PageOptions,
) -> None:
    """Replay published runs of engines on compiled profiles: how far the simulator is from them."""
    with usage():
        if (fit or keep) and (gpu or model or engine):
            option = "--fit" if fit else "--keep"
            raise ValueError(f"{option} takes all runs: leave --gpu, --model and --engine out")
        own = {"logs": tuple(log or ()), "recordings": tuple(recording or ())}
        given = fit or keep or any(own.values())
        shipped = _shipped() if installed_version() is None and not given else None
        if shipped is None:
            options.check_reports(page.folder)
            spec = study.BoardSpec(gpu=gpu, model=model, engine=engine, jobs=jobs, **own)
            plan = study.plan(spec)
            if keep:
                _check_own(plan.own)
    if shipped is not None:
        _print(shipped, as_json=as_json)
        print_line(
            f"This is the summary that ships, of all runs. With {PACKAGE} (pip install "
            "'slaibench[profiles]') they are replayed here.",
            err if as_json else out,
        )
        return
    source = f"published runs in {PACKAGE} {installed_version()} (NVIDIA, Apache-2.0)"
    with running(kept=False):
        times = None
        if fit:
            times = study.fit(plan, _progress("fit"))
            _keep(HOST_FILE, host_document(times, f"the fitted half of the {source}"))
        result = study.run(plan, _progress("board"), times)
    if not result.scores:
        raise fail(
            "there is no profile for any of these runs: " + "; ".join(result.left_out), EXIT_NO
        )
    values = document(result, source)
    if keep:
        _keep(BOARD_FILE, _text(values))
    _print(board_form(result, source) if as_json else values, as_json=as_json)
    if page.folder is not None:
        from slaibench.report.pages.board import PAGE, BoardSubject  # noqa: PLC0415

        write_page(partial(PAGE.write, BoardSubject(result, source), page.folder), as_json=as_json)


def _shipped() -> BoardDocument:
    values = board_document()
    if values is None:
        raise ValueError(f"no summary ships with this version: pip install {PACKAGE}")
    return values


def _check_own(own: Sequence[object]) -> None:
    """Refuse a summary that lacks what the one that ships has."""
    shipped = board_document()
    runs = () if shipped is None else shipped.get("own", ())
    if runs and not own:
        names = ", ".join(run["name"] for run in runs)
        raise ValueError(
            f"the summary that ships has runs of our own ({names}): give them with --log and "
            "--recording"
        )


def _print(values: BoardDocument, *, as_json: bool) -> None:
    if as_json:
        print_json(values)
        return
    own = () if (table := own_table(values)) is None else (table,)
    for table in (totals_table(values), *own, *combination_tables(values), causes_table(values)):
        for part in shown(table):
            out.print(part)
    print_hint(NOTE)
    for line in left_out_lines(values):
        print_hint(line)
    print_hint(f"{values['rows']:,} rows of {values['lines']:,} lines, from {values['source']}")


def _progress(what: str) -> Callable[[int, int], None]:
    def done(count: int, total: int) -> None:
        if count % EVERY == 0 or count == total:
            print_hint(f"{what}: {count} of {total} configurations", err)

    return done


def _keep(name: str, text: str) -> None:
    """Into the catalog's data, of the code that runs.

    Raises:
        ReportError: it cannot be written.
    """
    path = Path(str(files("slaibench.catalog.data"))) / name
    write_whole(path, text)
    print_hint(f"kept in {path}", err)


def _text(values: BoardDocument) -> str:
    """JSON with an entry a line, so that a diff can be read."""
    parts = []
    for key, value in values.items():
        text = json.dumps(value)
        if isinstance(value, list):
            text = "[\n" + ",\n".join(f" {json.dumps(entry)}" for entry in value) + "\n]"
        parts.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
