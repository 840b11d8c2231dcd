"""What this machine is (``slaibench env``), what it can run, and what is missing for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from importlib.util import find_spec
from typing import Annotated

import typer
from rich.markup import escape

from slaibench.backends.base import BackendError
from slaibench.backends.engines.base import Engine, MissingEngineError
from slaibench.backends.table import ENGINES
from slaibench.cli import options
from slaibench.cli.shell import EXIT_NO, err, out, print_json, usage
from slaibench.cli.terminal import listed
from slaibench.machine import checks, hardware
from slaibench.machine.checks import Check
from slaibench.machine.environment import environment
from slaibench.report.table import BAD, GOOD, Cell
from slaibench.spec import Device
from slaibench.version import __version__
from slaibench.workloads.sharegpt4 import sharegpt4_at_hand

MARKS = {True: Cell("yes", mark=GOOD), False: Cell("no", mark=BAD), None: Cell("-")}
NAMES = (
    *("sim", "sharegpt4"),
    *(f"{engine}:{device.value}" for engine in ENGINES for device in Device),
    *("client:files", "client:clock", "client:cores"),
    *("cpu:governor", "cpu:idle", "gpu:idle", "gpu:clocks", "gpu:persistence", "build:debug"),
)
STEADY = ("cpu:", "gpu:", "build:", "client:")
"""Names of checks whose fix makes numbers steadier, rather than something possible."""


def env(
    unknown: Annotated[
        bool, typer.Option("--unknown", help="List only what cannot be read here, and why.")
    ] = False,
) -> None:
    """Everything that matters for reproducing a measurement, as one JSON document."""
    machine = environment()
    if not unknown:
        print_json(machine)
        return
    for place, why in machine["unknown"].items():
        out.print(f"{place}: {why}", highlight=False, markup=False, soft_wrap=True)


def doctor(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="What must work, e.g. vllm:cpu; else the exit status is 1."),
    ] = None,
    fix_hints: Annotated[
        bool,
        typer.Option(
            "--fix-hints", help="For all that is missing or unsteady: the commands that help."
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Say what this machine can run, how to install what is missing, and what is unsteady."""
    wanted = what or []
    with usage():
        for name in wanted:
            if name not in NAMES:
                raise ValueError(f"nothing is called {name!r}: choose among {', '.join(NAMES)}")
    results = list(_checks(wanted))
    if as_json:
        print_json([asdict(check) for check in results])
    else:
        _print(results)
        _print_fixes(results, all_of_them=fix_hints)
    if wanted and not all(check.works for check in results):
        raise SystemExit(EXIT_NO)


def _checks(wanted: list[str]) -> Iterator[Check]:
    """Those that are wanted, or all."""
    tests = {
        "sim": lambda: Check("sim", works=True, version=__version__, detail="needs nothing else"),
        "sharegpt4": _sharegpt4,
        "client:files": checks.open_files,
        "client:clock": checks.clock,
        "client:cores": checks.cores,
        "cpu:governor": checks.governor,
        "cpu:idle": checks.idle,
        "gpu:idle": checks.gpu_idle,
        "gpu:clocks": checks.gpu_clocks,
        "gpu:persistence": checks.gpu_persistence,
        "build:debug": checks.build,
    }
    names = wanted or list(NAMES)
    of_engines: dict[str, Check] = {}
    for key, engine in ENGINES.items():
        devices = [Device(name.removeprefix(f"{key}:")) for name in names if f"{key}:" in name]
        of_engines |= {check.name: check for check in _engine(engine, devices)}
    for name in names:
        yield of_engines[name] if name in of_engines else tests[name]()


def _sharegpt4() -> Check:
    if sharegpt4_at_hand():
        return Check("sharegpt4", works=True, detail="its lengths are in the cache folder")
    missing = [module for module in ("datasets", "mistral_common") if not find_spec(module)]
    if missing:
        return Check(
            "sharegpt4",
            works=False,
            detail=f"not in the cache, and {' and '.join(missing)} are needed to get it",
            fix='pip install "slaibench[datasets]"',
        )
    return Check(
        "sharegpt4",
        works=None,
        detail="not in the cache; it is fetched when it is first asked for",
        fix="slaibench workload sharegpt4",
    )


def _engine(engine: Engine, devices: list[Device]) -> Iterator[Check]:
    """An engine on each device; importing it is tried once, since it takes seconds."""
    versions: dict[Device, str] = {}
    for device in devices:
        name = f"{engine.key}:{device.value}"
        try:
            versions[device] = engine.check(device)
        except MissingEngineError as error:
            yield Check(name, works=False, detail=str(error), fix=error.install)
        except BackendError as error:
            yield Check(name, works=False, detail=str(error))
    if not versions:
        return
    err.print(f"importing {engine.name}, which takes some seconds ...", style="dim")
    trial = engine.trial()
    error_text = checks.run_error(trial.python, trial.code, trial.env)
    for device, version in versions.items():
        name = f"{engine.key}:{device.value}"
        if error_text is not None:
            yield checks.broken_import(name, version, error_text)
            continue
        computes = "a profile's times" if device is Device.EMULATED else None
        yield Check(name, True, version, computes or hardware.device_name(device.value))


def _print(results: list[Check]) -> None:
    lines = [
        (check.name, MARKS[check.works], check.version or "", check.detail) for check in results
    ]
    columns = ("runs", "version", "because")
    out.print(listed("What this machine can run", columns, lines, head="what"))


def _print_fixes(results: list[Check], *, all_of_them: bool) -> None:
    """Commands for what is missing; those for what is unsteady where they are asked for."""
    steady = [check for check in results if check.fix and check.name.startswith(STEADY)]
    shown = [check for check in results if check.fix and (all_of_them or check not in steady)]
    for fix in dict.fromkeys(check.fix for check in shown):
        names = ", ".join(check.name for check in shown if check.fix == fix)
        out.print(f"for {names}: [cyan]{escape(str(fix))}[/]", highlight=False, soft_wrap=True)
    if steady and not all_of_them:
        names = ", ".join(check.name for check in steady)
        out.print(
            f"numbers can be made steadier ({names}): [cyan]slaibench doctor --fix-hints[/]",
            highlight=False,
            soft_wrap=True,
        )
