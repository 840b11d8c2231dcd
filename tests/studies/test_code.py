"""Whatever decides a recording is in its fingerprint, and nothing else is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slaibench.machine.deciding import modules
from slaibench.machine.source import PACKAGES, ROOT
from slaibench.spec import Clock
from slaibench.studies.code import ALONE, APART, COMMON, code_of
from slaibench.studies.prepared import prepare
from slaibench.studies.systems.endpoint import EndpointSystem
from slaibench.studies.systems.engine import SERVED
from slaibench.studies.systems.sglang import SglangSystem
from slaibench.studies.systems.simulator import SimulatorSystem
from slaibench.studies.systems.vllm import VllmSystem
from tests.studies.studies import study

WAYS = {
    "sim": SimulatorSystem.modules(Clock.VIRTUAL),
    "vllm": VllmSystem.VIRTUAL,
    "vllm:real": (SERVED, *VllmSystem.REAL),
    "sglang": SglangSystem.VIRTUAL,
    "sglang:real": (SERVED, *SglangSystem.REAL),
    "endpoint": EndpointSystem.modules(Clock.REAL),
}
"""Roots by what serves."""


def found(way: str) -> set[str]:
    return set(modules((*COMMON, *WAYS[way]), alone=ALONE, apart=APART))


def of_folder(folder: str) -> set[str]:
    """The modules in a folder of the tree, packages aside."""
    files = (ROOT / folder).rglob("*.py")
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in files
        if file.name != "__init__.py"
    }


def test_the_simulator_is_what_simulates() -> None:
    names = found("sim")
    assert of_folder("slaibench/backends/simulator") <= names
    assert of_folder("workloads") - {"slaibench.workloads.scaled"} <= names
    assert {
        "slaibench.backends.virtual",
        "slaibench.costmodel.cost_model",
        "slaibench.costmodel.table_attention",
        "slaibench.measure.steady",
        "slaibench.studies.prepared",
        "slaibench.schedulers.base",
    } <= names
    for folder in ("slaibench/client", "slaibench/backends/vllm", "schedulers/engines"):
        assert not of_folder(folder) & names


@pytest.mark.parametrize("way", WAYS)
def test_pages_and_commands_decide_no_recording(way: str) -> None:
    rooms = ("slaibench/report", "slaibench/cli")
    assert not set.union(*map(of_folder, rooms)) & found(way)


@pytest.mark.parametrize(
    ("way", "folder", "but"),
    [
        ("vllm", "slaibench/backends/vllm", ()),
        ("vllm:real", "slaibench/backends/vllm", ("core",)),
        ("sglang", "slaibench/backends/sglang", ("device",)),
        ("sglang:real", "slaibench/backends/sglang", ("core", "emulated", "in_process")),
        ("vllm:real", "slaibench/client", ("ask",)),
        ("endpoint", "slaibench/client", ()),
    ],
)
def test_what_serves_is_found_whole(way: str, folder: str, but: tuple[str, ...]) -> None:
    missing = {name.rpartition(".")[2] for name in of_folder(folder) - found(way)}
    # What only a page shows, and what decides whether there is a run at all.
    assert missing <= {*but, "cpu_pages", "flags"}


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
@pytest.mark.parametrize("clock", ["", ":real"])
def test_adapters_are_found_though_engines_load_them_by_name(engine: str, clock: str) -> None:
    adapters = {name for name in of_folder("schedulers/engines") if f".{engine}" in name}
    # The plug-in is a server's.
    by_server = set() if clock else {"slaibench.schedulers.engines.sglang"}
    assert adapters - by_server <= found(engine + clock)
    assert {
        "slaibench.schedulers.engines.switch",
        "slaibench.schedulers.engines.step_log",
    } <= found(engine + clock)


def test_everything_that_serves_is_some_backend_s() -> None:
    serving = set.union(
        *map(of_folder, ("slaibench/backends", "slaibench/client", "schedulers/engines"))
    )
    together = set.union(*map(found, WAYS))
    # The table, pages' tables of flags, and whether there is a run at all.
    shown = {each for each in serving if each.endswith(".flags")}
    apart = {"slaibench.backends.table", "slaibench.backends.engines.self_check"}
    assert serving - together == apart | shown


def test_a_cell_and_its_recording_name_the_code() -> None:
    prepared = prepare(study(schedulers=("slai",)))
    (cell,) = prepared.cells()
    assert (
        cell.code_fingerprint
        == prepared.code.fingerprint
        == code_of(SimulatorSystem, Clock.VIRTUAL).fingerprint
    )
    run = prepared.run(cell).run
    assert run["spec"]["code_fingerprint"] == cell.code_fingerprint
    assert run["commit"] == prepared.code.commit


SWEEP = ("sweep", "--rates", "2,5", "-s", "slai", "--requests", "60", "--seeds", "1")


class Tree:
    """A copy of our packages that may be edited, and a folder of recordings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for package in PACKAGES:
            shutil.copytree(
                ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
            )

    def run(self, *arguments: str | Path, status: int = 0) -> str:
        """What a command prints, on both streams."""
        done = subprocess.run(
            [sys.executable, "-c", "from slaibench.cli.app import main; main()", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text("utf-8")
        assert old in text, (file, old)
        path.write_text(text.replace(old, new, 1), "utf-8")


def test_a_slower_cost_model_makes_recordings_stale_and_a_comment_does_not(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "tree")
    results, reports = tmp_path / "r", tmp_path / "p"
    command = (*SWEEP, "--results", results, "--reports", reports)
    assert "sweep: 3 cells run, in" in tree.run(*command)
    tree.run(
        "sweep", "--rates", "3", "-s", "sarathi", *SWEEP[5:], "--no-report", "--results", results
    )
    (page,) = reports.glob("*.html")
    assert "all the same" in tree.run("verify", page)

    model = "slaibench/costmodel/cost_model.py"
    tree.edit(model, "\nclass CostModel", "\n\n# A comment.\nclass CostModel")
    tree.edit(model, '"""', '"""Words. ')
    tree.edit("slaibench/report/words.py", "\nBEYOND", "\nUNUSED = 1\nBEYOND")
    taken = tree.run(*SWEEP, "--results", results, "--no-report")
    assert "sweep: 0 cells run, 3 taken from disk" in taken
    assert "stale" not in taken
    assert "other code" not in tree.run("verify", page)

    tree.edit(model, "def batch_time_s", "def plain_batch_time_s")
    tree.edit(
        model,
        "    def plain_batch_time_s",
        "    def batch_time_s(self, *args, **more):\n"
        "        return 3 * self.plain_batch_time_s(*args, **more)\n\n"
        "    def plain_batch_time_s",
    )
    judged = tree.run("verify", page)
    assert "other code" in judged
    assert "all the same" in judged
    again = tree.run(*SWEEP, "--results", results, "--no-report", "--json")
    assert "sweep: 3 cells run, in" in again
    (told,) = [line for line in again.splitlines() if "stale" in line]
    assert told.startswith("sweep: the code has changed since 3 cells were recorded")
    points = json.loads(again[: again.rindex("]\n}") + 3])["points"]
    assert len(points) == 2
