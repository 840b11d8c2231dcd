"""``slaibench doctor``: what this machine can run, and what is missing for the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from importlib.util import find_spec
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from slaibench.backends.base import BackendError
from slaibench.backends.vllm import launch
from slaibench.backends.vllm.options import Device
from slaibench.cli import options
from slaibench.cli.shell import EXIT_NO, err, out, print_json, usage
from slaibench.machine import checks, hardware
from slaibench.machine.checks import Check
from slaibench.version import __version__
from workloads.sharegpt4 import sharegpt4_at_hand

ENGINE_MODULE = "vllm.engine.arg_utils"
"""Of vLLM's modules, one that needs nearly all that a server needs."""
MARKS = {True: "[green]yes[/]", False: "[red]no[/]", None: "-"}
NAMES = (
    *("sim", "sharegpt4", "vllm:emulated", "vllm:cpu", "vllm:cuda", "sglang"),
    *("client:files", "client:clock", "client:cores"),
)


def doctor(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="What must work, e.g. vllm:cpu; else the exit status is 1."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Say what this machine can run, and how to install what is missing."""
    wanted = what or []
    with usage():
        for name in wanted:
            if name not in NAMES:
                raise ValueError(f"nothing is called {name!r}: choose among {', '.join(NAMES)}")
    found = list(_checks(wanted))
    if as_json:
        print_json([asdict(check) for check in found])
    else:
        _print(found)
    if wanted and not all(check.works for check in found):
        raise SystemExit(EXIT_NO)


def _checks(wanted: list[str]) -> Iterator[Check]:
    """Those that are wanted, or all."""
    tests = {
        "sim": lambda: Check("sim", works=True, version=__version__, detail="needs nothing else"),
        "sharegpt4": _sharegpt4,
        "sglang": checks.sglang,
        "client:files": checks.open_files,
        "client:clock": checks.clock,
        "client:cores": checks.cores,
    }
    names = wanted or list(NAMES)
    vllm = {check.name: check for check in _vllm([Device(n[5:]) for n in names if "vllm:" in n])}
    for name in names:
        yield vllm[name] if name in vllm else tests[name]()


def _sharegpt4() -> Check:
    if sharegpt4_at_hand():
        return Check("sharegpt4", works=True, detail="its lengths are in the cache folder")
    missing = [each for each in ("datasets", "mistral_common") if not find_spec(each)]
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


def _vllm(devices: list[Device]) -> Iterator[Check]:
    """vLLM on each device; whether it can be imported is tried once, since it takes seconds."""
    versions: dict[Device, str] = {}
    for device in devices:
        name = f"vllm:{device.value}"
        try:
            versions[device] = launch.check_engine(device)
        except launch.MissingEngineError as error:
            yield Check(name, works=False, detail=str(error), fix=error.install)
        except BackendError as error:
            yield Check(name, works=False, detail=str(error))
    if not versions:
        return
    err.print("importing vLLM, which takes some seconds ...", style="dim")
    error_text = checks.import_error(ENGINE_MODULE, {**os.environ, "HF_HUB_OFFLINE": "1"})
    for device, version in versions.items():
        name = f"vllm:{device.value}"
        if error_text is not None:
            yield checks.broken_import(name, version, error_text)
            continue
        computes = "a profile's times" if device is Device.EMULATED else None
        yield Check(name, True, version, computes or hardware.device_name(device.value))


def _print(found: list[Check]) -> None:
    table = Table(title="What this machine can run")
    table.add_column("what", no_wrap=True)
    table.add_column("runs")
    table.add_column("version")
    table.add_column("because", overflow="fold")
    for check in found:
        table.add_row(check.name, MARKS[check.works], check.version or "", escape(check.detail))
    out.print(table)
    fixes = dict.fromkeys(check.fix for check in found if check.fix)
    for fix in fixes:
        names = ", ".join(check.name for check in found if check.fix == fix)
        out.print(f"for {names}: [cyan]{escape(fix)}[/]", highlight=False, soft_wrap=True)
