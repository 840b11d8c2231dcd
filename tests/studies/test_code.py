"""Whatever decides a recording is in its fingerprint, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slaibench.machine.source import ROOT, modules
from slaibench.spec import Clock
from slaibench.studies.code import ALONE, APART, COMMON, code_of
from slaibench.studies.prepared import prepare
from slaibench.studies.systems.endpoint import EndpointSystem
from slaibench.studies.systems.engine import SERVED
from slaibench.studies.systems.engines import SglangSystem, VllmSystem
from slaibench.studies.systems.simulator import SimulatorSystem
from tests.studies.studies import study
from tests.tree import Tree

WAYS = {
    "sim": SimulatorSystem.modules(Clock.VIRTUAL),
    "vllm": VllmSystem.VIRTUAL,
    "vllm:real": (SERVED, *VllmSystem.REAL),
    "sglang": SglangSystem.VIRTUAL,
    "sglang:real": (SERVED, *SglangSystem.REAL),
    "endpoint": EndpointSystem.modules(Clock.REAL),
}
"""Roots by what serves."""


def modules_of(way: str) -> set[str]:
    return set(modules((*COMMON, *WAYS[way]), alone=ALONE, apart=APART))


def of_folder(folder: str) -> set[str]:
    """The modules in a folder of the tree, packages aside."""
    files = (ROOT / folder).rglob("*.py")
    names = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in files
        if file.name != "__init__.py"
    }
    # The folders at the top of the tree are imported as parts of the package.
    return {f"slaibench.{name.removeprefix('slaibench.')}" for name in names}


def test_the_simulator_is_what_simulates() -> None:
    names = modules_of("sim")
    assert of_folder("slaibench/backends/simulator") <= names
    # Only shown: what sessions are like decides no recording.
    shown = {"slaibench.workloads.session_description"}
    assert of_folder("slaibench/workloads") - names == shown
    assert {
        "slaibench.backends.virtual",
        "slaibench.costmodel.cost_model",
        "slaibench.costmodel.table_attention",
        "slaibench.measure.steady",
        "slaibench.studies.prepared",
        "slaibench.schedulers.base",
    } <= names
    for folder in ("slaibench/client", "slaibench/backends/vllm", "slaibench/schedulers/engines"):
        assert not of_folder(folder) & names


@pytest.mark.parametrize("way", WAYS)
def test_pages_and_commands_decide_no_recording(way: str) -> None:
    rooms = ("slaibench/report", "slaibench/cli")
    assert not set.union(*map(of_folder, rooms)) & modules_of(way)


@pytest.mark.parametrize(
    ("way", "folder", "but"),
    [
        # Only a server is launched.
        ("vllm", "slaibench/backends/vllm", ("launch",)),
        ("vllm:real", "slaibench/backends/vllm", ("core",)),
        ("sglang", "slaibench/backends/sglang", ("device",)),
        ("sglang:real", "slaibench/backends/sglang", ("core", "emulated", "in_process")),
        # An engine of ours records its steps: its metrics are not read.
        ("vllm:real", "slaibench/client", ("fetch", "scrape")),
        ("endpoint", "slaibench/client", ()),
    ],
)
def test_what_serves_is_found_whole(way: str, folder: str, but: tuple[str, ...]) -> None:
    missing = {name.rpartition(".")[2] for name in of_folder(folder) - modules_of(way)}
    # What only a page shows, and what decides whether there is a run at all.
    assert missing <= {*but, "flags"}


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
@pytest.mark.parametrize("clock", ["", ":real"])
def test_adapters_are_found_though_engines_load_them_by_name(engine: str, clock: str) -> None:
    adapters = {name for name in of_folder("slaibench/schedulers/engines") if f".{engine}" in name}
    # The plug-in is a server's, and so is what notes the steps of an engine as shipped.
    of_servers = {f"slaibench.schedulers.engines.{name}" for name in ("sglang", "vllm_logged")}
    by_server = set() if clock else of_servers
    assert adapters - by_server <= modules_of(engine + clock)
    assert {
        "slaibench.schedulers.engines.switch",
        "slaibench.schedulers.engines.step_log",
    } <= modules_of(engine + clock)


def test_everything_that_serves_is_some_backend_s() -> None:
    serving = set.union(
        *map(of_folder, ("slaibench/backends", "slaibench/client", "slaibench/schedulers/engines"))
    )
    together = set.union(*map(modules_of, WAYS))
    # The table, pages' tables of flags, and whether there is a run at all.
    shown = {name for name in serving if name.endswith(".flags")}
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


def test_a_slower_cost_model_makes_recordings_stale_and_a_comment_does_not(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "tree")
    results, reports = tmp_path / "r", tmp_path / "p"
    command = (*SWEEP, "--results", results, "--reports", reports)
    assert "sweep: 3 cells run, in" in tree.run(*command)
    tree.run(
        "sweep", "--rates", "3", "-s", "sarathi", *SWEEP[5:], "--no-report", "--results", results
    )
    (page,) = reports.glob("sweep-*.html")
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
    (stale,) = [line for line in again.splitlines() if "stale" in line]
    assert stale.startswith("sweep: the code has changed since 3 cells were recorded")
    points = json.loads(again[: again.rindex("]\n}") + 3])["points"]
    assert len(points) == 2
