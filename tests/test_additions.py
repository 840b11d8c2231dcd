"""What is added is written once: a metric, a scheduler and a page in one file, an option in two, a
field of requests to an endpoint in three.

One copy of the packages gets them all, each by the least that somebody has to write, and one sweep
shows them.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slaibench.spec import CODE
from slaibench.studies.prepared import prepare
from tests.studies.studies import study
from tests.tree import Tree

CATALOGUE = "slaibench/measure/catalogue.py"
SPECIFICATION = "slaibench/spec/serving.py"
SIMULATOR = "slaibench/studies/systems/simulator.py"
DIALECT = "slaibench/endpoint/dialect.py"
TARGET, BODY = "slaibench/client/target.py", "slaibench/client/body.py"
SCHEDULER = """
from slaibench.schedulers.sarathi import Sarathi


class Dummy(Sarathi):
    name = "dummy"
    description = "Sarathi under another name"
"""
PAGE = Path(__file__).with_name("report") / "pages" / "dummy.py"
LOAD = ("-s", "dummy", "--rates", "5", "--requests", "60", "--seeds", "1", "--dummy-delay", "0.5")
WRITE_PAGE = """
from pathlib import Path

import slaibench
from slaibench.report.pages.dummy import PAGE

load = {"num_requests": 60, "num_seeds": 1, "dummy_delay_s": 0.5}
swept = slaibench.sweep(["dummy"], 5, results="runs", jobs=1, **load)
print(PAGE.write((swept.spec, list(swept.cells)), Path("pages")).html)
"""
SAID = """
from slaibench.backends.endpoint import EndpointOptions
from slaibench.cli.endpoint import DialectOptions
from slaibench.client.body import request_body
from slaibench.report.command import command_of_dialect
from slaibench.workloads.request import Request

dialect = DialectOptions(dummy_word="x").parsed()
target = EndpointOptions("http://h", dialect=dialect).target("m")
print(request_body(target, Request(0, 0.0, 3, 9), "a", 4)["dummy"])
print(dialect.identity())
print(*command_of_dialect(dialect.model_dump(mode="json")))
"""
FIRST_CELL = """
import json, sys

from slaibench.spec import StudySpec
from slaibench.studies.prepared import prepare

spec = StudySpec.model_validate_json(sys.argv[1])
print(json.dumps(prepare(spec).first_cell().spec()))
"""


def add_metric(tree: Tree) -> None:
    """The time from a request's first token to its last, and its median."""
    tree.insert(
        CATALOGUE,
        '    "queueing": Latency(\n',
        '    "dummy": Latency("DUMMY", lambda rows: rows.last_token_s - rows.first_token_s),\n',
    )
    tree.insert(
        CATALOGUE,
        '    Metric(\n        "throughput_rps",\n',
        '    latency_metric("dummy_p50_s", "dummy", 0.5),\n',
    )


def add_option(tree: Tree) -> None:
    """Clients of the simulator see each token later."""
    tree.insert(
        SPECIFICATION,
        "    engine_args: Annotated[\n",
        "    dummy_delay_s: Annotated[\n"
        '        float | None, Option("Seconds.", flag="dummy-delay"), Field(ge=0)\n'
        "    ] = None\n",
    )
    tree.insert(SIMULATOR, '"prefix_caching",\n', '"dummy_delay_s", ')
    tree.insert(
        SIMULATOR, "    one_at_a_time: ClassVar", "    dummy_delay_s: float | None = None\n"
    )
    tree.insert(
        SIMULATOR,
        "            doubts=doubts_of(",
        "            dummy_delay_s=spec.dummy_delay_s,\n",
    )
    tree.insert(
        SIMULATOR,
        '            "block_size": self.profile.block_size,\n',
        '            "dummy_delay_s": self.dummy_delay_s,\n',
    )
    tree.insert(SIMULATOR, "self.profile.delivery_ms", "(self.dummy_delay_s or 0) + ")


def add_dialect_field(tree: Tree) -> None:
    """Requests to an endpoint have a field more."""
    tree.insert(
        DIALECT,
        "    new_connections: Annotated[\n",
        '    dummy_word: Annotated[str | None, Spoken("A word.")] = None\n',
    )
    tree.insert(
        TARGET, "    new_connections: bool = False\n", "    dummy_word: str | None = None\n"
    )
    tree.insert(BODY, '    body["seed"] = seed\n', '    body["dummy"] = target.dummy_word\n')


def add_scheduler(tree: Tree) -> None:
    tree.write("slaibench/schedulers/dummy.py", SCHEDULER)


def add_page(tree: Tree) -> None:
    tree.write("slaibench/report/pages/dummy.py", PAGE.read_text("utf-8"))


FILES = {
    add_metric: 1,
    add_option: 2,
    add_dialect_field: 3,
    add_scheduler: 1,
    add_page: 1,
}
"""How many files each may touch."""


@dataclass(frozen=True)
class Swept:
    """The copy with all additions, and what a sweep in it printed and wrote.

    Args:
        touched: files that each addition touched.
        doc: the sweep's document.
        page: the sweep's page.
    """

    tree: Tree
    touched: dict[Any, set[str]]
    doc: dict[str, Any]
    page: Path


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    tree = Tree(tmp_path_factory.mktemp("additions") / "tree")
    touched = {}
    for add in FILES:
        add(tree)
        touched[add], tree.touched = tree.touched, set()
    where = ("--results", "runs", "--reports", "pages", "--jobs", "1")
    said = tree.run("sweep", *LOAD, *where, "--slo", "dummy_p50<9", "--json")
    doc = json.loads(said[: said.rindex("]\n}") + 3])
    (page,) = (tree.folder / "pages").glob("sweep-*.html")
    return Swept(tree, touched, doc, page)


@pytest.mark.parametrize("add", FILES)
def test_an_addition_touches_few_files(swept: Swept, add: Any) -> None:
    assert len(swept.touched[add]) == FILES[add], swept.touched[add]


def test_a_metric_is_a_target_in_documents_on_pages_and_judged(swept: Swept) -> None:
    (point,) = swept.doc["points"]
    assert 0 < point["dummy_p50_s"] < point["e2e_p50_s"]
    assert "dummy_p50_s" in point["ci95"]
    assert "median DUMMY at most" in swept.page.read_text("utf-8")
    assert "DUMMY P50<small>s</small>" in swept.page.read_text("utf-8")
    wrong = ("--baseline", "base", "--update", *LOAD, "--metric", "nothing_p50_s")
    refused = swept.tree.run("regress", *wrong, status=2)
    assert ", dummy_p50_s," in refused


@pytest.mark.parametrize("command", ["sweep", "compare", "capacity", "bound"])
def test_an_option_is_one_of_every_command_that_runs_cells(swept: Swept, command: str) -> None:
    assert "--dummy-delay" in swept.tree.run(command, "--help")


def test_an_option_decides_what_it_is_recorded_with(swept: Swept) -> None:
    assert swept.doc["spec"]["dummy_delay_s"] == 0.5
    assert swept.doc["points"][0]["ttft_p50_s"] > 0.5
    runs = [json.loads(file.read_text()) for file in swept.tree.folder.glob("runs/**/run.json")]
    assert {run["spec"]["dummy_delay_s"] for run in runs} == {0.5}
    assert "<tr><th>dummy_delay_s</th><td>0.5</td></tr>" in swept.page.read_text("utf-8")


def test_cells_without_an_option_are_known_by_what_they_were(swept: Swept) -> None:
    spec = study(schedulers=("slai",))
    cell = json.loads(swept.tree.python(FIRST_CELL, spec.model_dump_json()))
    before = prepare(spec).first_cell().spec()
    assert {**cell, **dict.fromkeys(CODE)} == {**before, **dict.fromkeys(CODE)}


def test_an_option_is_refused_where_it_means_nothing(swept: Swept) -> None:
    said = swept.tree.run("sweep", *LOAD, "--backend", "vllm", status=2)
    assert "--dummy-delay does not go with --backend vllm, only with sim" in " ".join(said.split())


def test_a_page_s_command_has_the_option(swept: Swept, tmp_path: Path) -> None:
    shutil.copytree(swept.page.parent, tmp_path / "pages")
    said = swept.tree.run("verify", tmp_path / "pages" / swept.page.name, status=1)
    assert "recordings absent" in said
    assert " --dummy-delay 0.5 " in said


def test_a_field_of_requests_is_an_option_that_they_and_records_have(swept: Swept) -> None:
    body, record, command = swept.tree.python(SAID).splitlines()
    assert body == "x"
    assert record == "{'dummy_word': 'x'}"
    assert command == "--dummy-word x"
    assert "--dummy-word" in swept.tree.run("replay", "--help")


def test_a_scheduler_is_listed_and_run(swept: Swept) -> None:
    assert "Sarathi under another name" in swept.tree.run("schedulers")
    assert [point["scheduler"] for point in swept.doc["points"]] == ["dummy"]
    assert swept.doc["points"][0]["outcomes"]["finished"] > 0


def test_a_page_is_written_and_verified(swept: Swept) -> None:
    page = swept.tree.python(WRITE_PAGE).split()[-1]
    assert "dummy" in page
    assert "all the same" in swept.tree.run("verify", page)
